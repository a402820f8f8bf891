import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Signs and sends one request of a till (docs/pos-v1.md, "Signed requests"). Java 17, no dependency.
 *
 * <p>java SignedRequest.java URL KEY SECRET METHOD PATH [QUERY] [BODY] sends it and prints the
 * answer; java SignedRequest.java --sign SECRET METHOD PATH QUERY TIMESTAMP NONCE BODY [STORE TILL]
 * only prints the signature.
 */
public final class SignedRequest {
    private SignedRequest() {}

    /**
     * The value of Renkei-Signature. Path and query are taken as they are in the request line. A
     * gateway signs the store and till it calls for, too, as it says them in Renkei-Store and
     * Renkei-Till; a till itself names none.
     */
    static String sign(
            String secret, String method, String path, String query, String timestamp,
            String nonce, byte[] body, String... named) throws GeneralSecurityException {
        String digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body));
        String text = String.join("\n", method, path, query, timestamp, nonce, digest);
        for (String name : named) {
            text += "\n" + name;
        }
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        return Base64.getEncoder().encodeToString(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
    }

    /** A nonce that was never used before: 32 random hex digits. */
    static String nonce() {
        byte[] random = new byte[16];
        new SecureRandom().nextBytes(random);
        return HexFormat.of().formatHex(random);
    }

    /** Sends it once. After a time-out ask GET /pos/v1/transactions whether it was booked. */
    static HttpResponse<String> send(
            String url, String key, String secret, String method, String path, String query,
            byte[] body) throws Exception {
        String timestamp = Long.toString(Instant.now().getEpochSecond());
        String nonce = nonce();
        URI address = URI.create(url + path + (query.isEmpty() ? "" : "?" + query));
        HttpRequest.Builder request = HttpRequest.newBuilder(address)
                .timeout(Duration.ofSeconds(5))
                .header("Renkei-Key", key)
                .header("Renkei-Timestamp", timestamp)
                .header("Renkei-Nonce", nonce)
                .header("Renkei-Signature",
                        sign(secret, method, path, query, timestamp, nonce, body));
        if (body.length > 0) {
            request.header("Content-Type", "application/json");
        }
        request.method(method, HttpRequest.BodyPublishers.ofByteArray(body));
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    private static String at(String[] arguments, int place) {
        return arguments.length > place ? arguments[place] : "";
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** See above. */
    public static void main(String[] a) throws Exception {
        if (at(a, 0).equals("--sign")) {
            String[] named = a.length > 8 ? Arrays.copyOfRange(a, 8, 10) : new String[0];
            System.out.println(sign(a[1], a[2], a[3], a[4], a[5], a[6], bytes(at(a, 7)), named));
            return;
        }
        HttpResponse<String> answer =
                send(a[0], a[1], a[2], a[3], a[4], at(a, 5), bytes(at(a, 6)));
        System.out.println(answer.statusCode());
        System.out.println(answer.body());
    }
}
