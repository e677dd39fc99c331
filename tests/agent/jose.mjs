// The vectors of schema/tokens.json by the library `jose`: see tests/agent/jose.
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
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

// Every kind of token, forged in every way: a reader who does what docs/site-protocol.md says of them takes none.
const part = (what) => Buffer.from(typeof what === 'string' ? what : JSON.stringify(what)).toString('base64url');
const stranger = generateKeyPairSync('ed25519').privateKey;

// By hand: the library does not sign what it would not take.
function signed(v, header, claims, key) {
  const text = `${part(header)}.${part(claims)}`;
  const own = key ?? createPrivateKey({ key: vectors.private[v.kid], format: 'jwk' });
  return `${text}.${sign(null, Buffer.from(text), own).toString('base64url')}`;
}

function hmac(v, secret, header, claims) {
  const text = `${part({ ...header, alg: 'HS256' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

function forgeries(v, others) {
  const header = { alg: 'EdDSA', kid: v.kid, typ: v.typ }, claims = JSON.parse(v.claims);
  const [h, p, s] = v.token.split('.');
  const jwk = vectors.jwks.keys.find((k) => k.kid === v.kid);
  const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const turned = Buffer.from(s, 'base64url');
  turned[0] ^= 1;
  const forged = {
    'alg none': `${part({ ...header, alg: 'none' })}.${p}.`,
    'alg none, the signature kept': `${part({ ...header, alg: 'none' })}.${p}.${s}`,
    "HS256 under the public key's bytes": hmac(v, Buffer.from(jwk.x, 'base64url'), header, claims),
    "HS256 under the public key's PEM": hmac(v, pem, header, claims),
    "another key's signature": signed(v, header, claims, stranger),
    'a key that is not in the set': signed(v, { ...header, kid: '987654' }, claims),
    'a bit of the signature turned': `${h}.${p}.${turned.toString('base64url')}`,
    'one claim changed': `${h}.${part({ ...claims, iat: claims.iat + 1 })}.${s}`,
    'no signature': `${h}.${p}.`,
    'cut short': v.token.slice(0, -8),
    'no payload': `${h}..${s}`,
    'two parts': `${h}.${p}`,
    'a critical header': signed(v, { ...header, crit: ['kontor'], kontor: 1 }, claims),
    'for another site or server': signed(v, header, { ...claims, aud: 'elsewhere' }),
    'of another issuer': signed(v, header, { ...claims, iss: 'elsewhere' }),
  };
  for (const typ of others) forged[`the type ${typ}`] = signed(v, { ...header, typ }, claims);
  if ('permit' in claims && claims.permit === 'refused') forged['a refusal turned into a permit'] = `${h}.${part({ ...claims, permit: 'granted' })}.${s}`;
  if ('fence' in claims) forged['the fence lowered'] = `${h}.${part({ ...claims, fence: claims.fence - 1 })}.${s}`;
  if ('ins' in claims) forged["another instance's"] = `${h}.${part({ ...claims, ins: claims.ins + 1 })}.${s}`;
  if ('exp' in claims) forged.expired = signed(v, header, { ...claims, exp: claims.iat - 1 });
  if ('nbf' in claims) forged['of the future'] = signed(v, header, { ...claims, nbf: claims.iat + 3600 });
  return forged;
}

const types = [...new Set(vectors.good.map((v) => v.typ))];
for (const v of vectors.good) {
  const claims = JSON.parse(v.claims);
  const rules = { algorithms: ['EdDSA'], typ: v.typ, issuer: claims.iss, audience: claims.aud, currentDate: new Date(claims.iat * 1000) };
  for (const [how, token] of Object.entries(forgeries(v, types.filter((t) => t !== v.typ))))
    await check(`${v.name}: refused: ${how}`, async () => {
      let why = null;
      try {
        await jwtVerify(token, keys, rules);
      } catch (e) {
        why = e.code;
      }
      if (why === null) throw new Error('it passed');
      if (!why?.startsWith('ERR_J')) throw new Error(`not refused for what it is: ${why}`);
    });
}
for (const typ of ['kontor-ticket+jwt', 'kontor-receipt+jwt', 'kontor-agent+jwt'])
  await check(`there are tokens of type ${typ}`, () => same(types.includes(typ), true));
process.exit(bad ? 1 : 0);
