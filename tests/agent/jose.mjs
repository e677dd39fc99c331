// The vectors of schema/tokens.json by the library `jose`: see tests/agent/jose.
import { readFileSync } from 'node:fs';
import { CompactSign, compactVerify, createLocalJWKSet, importJWK, jwtVerify } from 'jose';

const vectors = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const keys = createLocalJWKSet(vectors.jwks);
let bad = 0;

async function check(name, test) {
  try {
    await test();
    console.log(`ok jose: ${name}`);
  } catch (e) {
    bad++;
    console.log(`not ok jose: ${name}`);
    console.log(`# ${e.stack.replaceAll('\n', '\n# ')}`);
  }
}

function same(a, b) {
  if (a !== b) throw new Error(`${a}\nis not\n${b}`);
}

for (const v of vectors.good) {
  await check(`${v.name}: verifies`, async () => {
    const { payload, protectedHeader } = await compactVerify(v.token, keys, { algorithms: ['EdDSA'] });
    same(new TextDecoder().decode(payload), v.claims);
    same(protectedHeader.typ, v.typ);
  });
  await check(`${v.name}: issuer, audience and type by jwtVerify`, async () => {
    const claims = JSON.parse(v.claims);
    await jwtVerify(v.token, keys, {
      algorithms: ['EdDSA'], typ: v.typ, issuer: claims.iss, audience: claims.aud, currentDate: new Date(claims.iat * 1000),
    });
  });
  await check(`${v.name}: signed anew, the same bytes`, async () => {
    const key = await importJWK(vectors.private[v.kid], 'EdDSA');
    const token = await new CompactSign(new TextEncoder().encode(v.claims))
      .setProtectedHeader({ alg: 'EdDSA', kid: v.kid, typ: v.typ }).sign(key);
    same(token, v.token);
  });
}
for (const v of vectors.bad)
  await check(`${v.name}: refused`, async () => {
    let passed = true;
    try {
      await jwtVerify(v.token, keys, { algorithms: ['EdDSA'], typ: v.typ, currentDate: new Date(vectors.now * 1000) });
    } catch {
      passed = false;
    }
    if (passed && !v.only_ours) throw new Error('it passed');
  });
process.exit(bad ? 1 : 0);
