/* A real OpenID Connect provider (npm oidc-provider) on loopback, for tests and for scripts/up --oidc. Anybody may be anybody
 * there: it asks for a name and takes it.
 *   node provider.js PORT CLIENT_ID SECRET_FILE REDIRECT_URI…      prints "ready ISSUER"; port 0: any
 * The client CLIENT_ID gets tokens signed with RS256, CLIENT_ID-es256 with ES256.
 * A name becomes the subject NAME-at-home; its person is called so, with an address of id.example. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [port, client_id, secretFile, ...redirect_uris] = process.argv.slice(2);
const client_secret = readFileSync(secretFile, "utf8").trim();
const key = (type, options, alg) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }), use: "sig", alg });
const person = (sub) => {
    const name = sub.replace(/-at-home$/, "").replaceAll("-", " ");
    return { sub, name: name.replace(/(^|\s)\S/g, (c) => c.toUpperCase()), email: `${name.replaceAll(" ", ".")}@id.example`, email_verified: true };
};
const page = (uid, client) => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A sign-in provider</title>
<style>body{font:16px/1.5 sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem}label,input,button{display:block;font:inherit;margin:.5rem 0}input,button{padding:.5rem;width:100%;box-sizing:border-box}</style>
<h1>Who are you?</h1><p>${client} asks. This provider is for tests: it takes any name for true.</p>
<form method="post" action="/interaction/${uid}"><label for="name">Name</label><input id="name" name="name" autofocus required pattern="[a-z][a-z ]*"><button name="do" value="yes">Continue</button><button name="do" value="no" formnovalidate>Decline</button></form></html>`;

const server = createServer();
server.listen(Number(port), "127.0.0.1", () => {
    const issuer = `http://127.0.0.1:${server.address().port}`;
    const provider = new Provider(issuer, {
        clients: ["RS256", "ES256"].map((alg) => ({
            client_id: alg === "RS256" ? client_id : `${client_id}-es256`, client_secret, redirect_uris, id_token_signed_response_alg: alg, grant_types: ["authorization_code"], response_types: ["code"],
        })),
        jwks: { keys: [key("rsa", { modulusLength: 2048 }, "RS256"), key("ec", { namedCurve: "P-256" }, "ES256")] },
        cookies: { keys: [randomBytes(24).toString("hex")] },
        claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"] },
        findAccount: (_, sub) => ({ accountId: sub, claims: () => person(sub) }),
        features: { devInteractions: { enabled: false } },
        interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
        pkce: { methods: ["S256"], required: () => true },
        ttl: { Interaction: 600, Session: 3600, Grant: 3600, AccessToken: 600, IdToken: 600 },
        /* whoever has said their name has agreed */
        loadExistingGrant: async (ctx) => {
            const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
            grant.addOIDCScope("openid profile email");
            await grant.save();
            return grant;
        },
        renderError: (ctx, out) => {
            ctx.type = "text/plain";
            ctx.body = `${out.error}: ${out.error_description ?? ""}\n`;
        },
    });
    const serve = provider.callback();
    const ask = async (request, response) => {
        const { uid, params } = await provider.interactionDetails(request, response);
        if (request.method === "GET") {
            response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(page(uid, params.client_id));
            return;
        }
        let body = "";
        for await (const piece of request) if ((body += piece).length > 10_000) break;
        const form = new URLSearchParams(body), name = (form.get("name") ?? "").toLowerCase();
        const said = form.get("do") === "no" || !/^[a-z][a-z ]{0,60}$/.test(name) ? { error: "access_denied" } : { login: { accountId: name.trim().replaceAll(/\s+/g, "-") + "-at-home", remember: false } };
        await provider.interactionFinished(request, response, said, { mergeWithLastSubmission: false });
    };
    server.on("request", (request, response) => {
        if (!request.url.startsWith("/interaction/")) serve(request, response);
        else ask(request, response).catch((error) => response.writeHead(400).end(`${error.message}\n`));
    });
    console.log(`ready ${issuer}`);
});
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
