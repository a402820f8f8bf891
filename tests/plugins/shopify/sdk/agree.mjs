// Asks Shopify's own library: reads one JSON task from standard input, writes the answer as JSON.
import "@shopify/shopify-api/adapters/node";
import { LogSeverity, shopifyApi } from "@shopify/shopify-api";
import { HashFormat, createSHA256HMAC } from "@shopify/shopify-api/runtime";

function library(secret) {
  return shopifyApi({
    apiKey: "client",
    apiSecretKey: secret,
    apiVersion: "2026-07",
    hostName: "hub.example.com",
    isEmbeddedApp: false,
    logger: { level: LogSeverity.Error },
  });
}

const tasks = {
  proxied: ({ secret, query }) =>
    library(secret)
      .utils.validateHmac(query, { signator: "appProxy" })
      .catch(() => false),
  sign: ({ secret, body }) => createSHA256HMAC(secret, body, HashFormat.Base64),
  validate: ({ secret, headers, body }) =>
    library(secret).webhooks.validate({
      rawBody: body,
      rawRequest: { method: "POST", url: "/webhooks/shop", headers },
      rawResponse: {},
    }),
};

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { task, ...given } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
process.stdout.write(JSON.stringify(await tasks[task](given)));
