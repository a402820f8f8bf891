using System;
using System.Net.Http;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Tasks;

/// <summary>
/// Signs and sends one request of a till (docs/pos-v1.md, "Signed requests"). .NET Framework 4.6 and
/// later, .NET 6 and later, Mono; no dependency.
/// Arguments: URL KEY SECRET METHOD PATH [QUERY] [BODY] send it and print the answer;
/// --sign SECRET METHOD PATH QUERY TIMESTAMP NONCE BODY [STORE TILL] only prints the signature.
/// </summary>
public static class SignedRequest
{
    /// <summary>
    /// The value of Renkei-Signature. Path and query as in the request line. A gateway signs the
    /// store and till it calls for, too, as it says them in Renkei-Store and Renkei-Till; a till
    /// itself names none.
    /// </summary>
    public static string Sign(
        string secret, string method, string path, string query, string timestamp, string nonce,
        byte[] body, params string[] named)
    {
        string digest;
        using (var sha = SHA256.Create())
        {
            digest = Hex(sha.ComputeHash(body));
        }
        var text = string.Join("\n", method, path, query, timestamp, nonce, digest);
        foreach (var name in named)
        {
            text += "\n" + name;
        }
        using (var mac = new HMACSHA256(Encoding.UTF8.GetBytes(secret)))
        {
            return Convert.ToBase64String(mac.ComputeHash(Encoding.UTF8.GetBytes(text)));
        }
    }

    /// <summary>A nonce that was never used before: 32 random hex digits.</summary>
    public static string Nonce()
    {
        var random = new byte[16];
        using (var source = RandomNumberGenerator.Create())
        {
            source.GetBytes(random);
        }
        return Hex(random);
    }

    private static string Hex(byte[] bytes) =>
        BitConverter.ToString(bytes).Replace("-", "").ToLowerInvariant();

    /// <summary>
    /// Sends it once. After a time-out ask GET /pos/v1/transactions whether it was booked.
    /// </summary>
    public static async Task<HttpResponseMessage> Send(
        string url, string key, string secret, string method, string path, string query,
        byte[] body)
    {
        var timestamp = DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString();
        var nonce = Nonce();
        var address = url + path + (query.Length == 0 ? "" : "?" + query);
        var request = new HttpRequestMessage(new HttpMethod(method), new Uri(address));
        request.Headers.Add("Renkei-Key", key);
        request.Headers.Add("Renkei-Timestamp", timestamp);
        request.Headers.Add("Renkei-Nonce", nonce);
        request.Headers.Add(
            "Renkei-Signature", Sign(secret, method, path, query, timestamp, nonce, body));
        if (body.Length > 0)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        }
        using (var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) })
        {
            return await client.SendAsync(request);
        }
    }

    private static string At(string[] arguments, int place) =>
        arguments.Length > place ? arguments[place] : "";

    public static void Main(string[] a) => Run(a).GetAwaiter().GetResult();

    private static async Task Run(string[] a)
    {
        if (At(a, 0) == "--sign")
        {
            var signed = Encoding.UTF8.GetBytes(At(a, 7));
            var named = a.Length > 8 ? new[] { a[8], a[9] } : new string[0];
            Console.WriteLine(Sign(a[1], a[2], a[3], a[4], a[5], a[6], signed, named));
            return;
        }
        var body = Encoding.UTF8.GetBytes(At(a, 6));
        var answer = await Send(a[0], a[1], a[2], a[3], a[4], At(a, 5), body);
        Console.WriteLine((int)answer.StatusCode);
        Console.WriteLine(await answer.Content.ReadAsStringAsync());
    }
}
