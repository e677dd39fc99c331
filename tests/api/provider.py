"""tests/api/provider.py: an OpenID Connect provider that does whatever a test wants, at http://127.0.0.1:PORT/NAME. Standard
library only, RSA by hand. A name is an issuer of its own, with its keys and its faults. And a real one as a process."""
import atexit
import base64
import hashlib
import hmac
import http.client
import http.server
import json
import pathlib
import secrets
import subprocess
import threading
import time
import urllib.parse


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(n):
    return b64(n.to_bytes((n.bit_length() + 7) // 8, "big"))


def prime(bits):
    """By Miller and Rabin; good enough for a test."""
    while True:
        n = secrets.randbits(bits) | 1 | 3 << bits - 2
        if any(n % p == 0 for p in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)) or (n - 1) % 65537 == 0:
            continue
        d, r = n - 1, 0
        while d % 2 == 0:
            d, r = d // 2, r + 1
        for _ in range(20):
            x = pow(secrets.randbelow(n - 3) + 2, d, n)
            if x not in (1, n - 1) and not any((x := x * x % n) == n - 1 for _ in range(r - 1)):
                break
        else:
            return n


class Rsa:
    PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")

    def __init__(self, kid):
        p, q = prime(1024), prime(1024)
        self.kid, self.n, self.d = kid, p * q, pow(65537, -1, (p - 1) * (q - 1))

    def jwk(self, **more):
        return {"kty": "RSA", "kid": self.kid, "use": "sig", "alg": "RS256", "n": number(self.n), "e": "AQAB", **more}

    def sign(self, data):
        tail = self.PREFIX + hashlib.sha256(data).digest()
        block = b"\0\1" + b"\xff" * (256 - 3 - len(tail)) + b"\0" + tail
        return pow(int.from_bytes(block, "big"), self.d, self.n).to_bytes(256, "big")

    def pem(self):
        """SubjectPublicKeyInfo, as a server makes it of the JWK: what an attacker would use as an HMAC key."""
        def der(tag, content):
            length = bytes([len(content)]) if len(content) < 128 else bytes([0x82]) + len(content).to_bytes(2, "big")
            return bytes([tag]) + length + content
        key = der(0x30, der(2, b"\0" + self.n.to_bytes(256, "big")) + der(2, b"\1\0\1"))
        info = der(0x30, bytes.fromhex("300d06092a864886f70d0101010500") + der(3, b"\0" + key))
        text = base64.b64encode(info).decode()
        return ("-----BEGIN PUBLIC KEY-----\n" + "".join(text[i:i + 64] + "\n" for i in range(0, len(text), 64)) + "-----END PUBLIC KEY-----\n").encode()


class Issuer:
    def __init__(self, provider, name):
        self.provider, self.name = provider, name
        self.url = f"{provider.url}/{name}"
        self.keys = [provider.key("k1")]
        self.codes = {}
        self.asked = []  # what was asked for, in order
        self.faults = {}  # what -> a function of the handler that answers in its place
        self.about = {}  # what its description says otherwise
        self.person = {"name": "Alice Andersson", "email": "alice@id.example"}
        self.last = None  # the last token request: headers, form

    def description(self):
        return {"issuer": self.url, "authorization_endpoint": self.url + "/authorize?x=1", "token_endpoint": self.url + "/token",
                "jwks_uri": self.url + "/keys", "userinfo_endpoint": self.url + "/user", "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256", "none"], "code_challenge_methods_supported": ["S256"], **self.about}

    def token(self, claims, key=None, header=None, sign=None):
        key = key or self.keys[0]
        head = {"alg": "RS256", "kid": key.kid, "typ": "JWT", **(header or {})}
        text = b64(json.dumps({k: v for k, v in head.items() if v is not None}).encode()) + "." + b64(json.dumps(claims).encode())
        return text + "." + b64(sign(text.encode()) if sign else key.sign(text.encode()))

    def code(self, url, subject="alice", make=None, **claims):
        """A code for what the browser came with, as if the person had agreed. make(issuer, claims): another token than is right."""
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        now = int(time.time())
        right = {"iss": self.url, "aud": asked["client_id"], "sub": subject, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **claims}
        code = secrets.token_urlsafe(16)
        self.codes[code] = (asked, subject, {k: v for k, v in right.items() if v is not None}, make or Issuer.token)
        return code

    def redeem(self, form):
        asked, subject, claims, make = self.codes.pop(form.get("code"), (None,) * 4)
        if not asked:
            return 400, {"error": "invalid_grant"}
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if challenge != asked["code_challenge"] or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": b64(subject.encode()), "token_type": "Bearer", "id_token": make(self, claims)}


class Provider:
    def __init__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body, headers=()):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def serve(self):
                name, _, what = self.path.split("?")[0][1:].partition("/")
                issuer = outer.issuers.get(name)
                data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if not issuer:
                    return self.answer(404, {})
                what = what.replace(".well-known/openid-configuration", "about")
                issuer.asked.append(what)
                if what in issuer.faults:
                    return issuer.faults[what](self)
                if what == "about":
                    return self.answer(200, issuer.description())
                if what == "keys":
                    return self.answer(200, {"keys": [k.jwk() for k in issuer.keys]})
                if what == "token":
                    form = dict(urllib.parse.parse_qsl(data.decode()))
                    issuer.last = (dict(self.headers), form)
                    return self.answer(*issuer.redeem(form))
                if what == "user":
                    return self.answer(200, {"sub": unb64(self.headers["Authorization"].split()[1]).decode(), **issuer.person})
                return self.answer(404, {})

            def do_GET(self):
                try:
                    self.serve()
                except OSError:
                    self.close_connection = True

            do_POST = do_GET

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.issuers, self.made = {}, {}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def key(self, kid):
        if kid not in self.made:
            self.made[kid] = Rsa(kid)
        return self.made[kid]

    def issuer(self, name):
        self.issuers[name] = Issuer(self, name)
        return self.issuers[name]


def hs256(key):
    return lambda data: hmac.new(key, data, hashlib.sha256).digest()


class Browser:
    """Somebody at a real provider (tests/provider/serve): follows where it sends them, says their name, comes back with an
    address of ours, which is not followed."""

    def __init__(self):
        self.cookies = {}

    def step(self, url, data=None):
        at = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())} if self.cookies else {}
        if data is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("GET" if data is None else "POST", at.path + ("?" + at.query if at.query else ""), body=data, headers=headers)
        answer = connection.getresponse()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        answer.body = answer.read()
        connection.close()
        return answer

    def go(self, url, ours, name=None):
        """name None: decline."""
        for _ in range(10):
            answer = self.step(url)
            if answer.status == 200 and "/interaction/" in url:
                answer = self.step(url, urllib.parse.urlencode({"name": name or "", "do": "yes" if name else "no"}))
            assert answer.status in (302, 303), (url, answer.status, answer.body[:300])
            url = urllib.parse.urljoin(url, answer.headers["Location"])
            if url.startswith(ours):
                return url[len(ours):]
        raise AssertionError(f"no way back from {url}")


def real(folder, port):
    """A real provider as a process, and its two clients' files in the folder, for a kontord at that port: RS256, ES256."""
    secret = folder / "secret"
    secret.write_text(secrets.token_urlsafe(24) + "\n")
    secret.chmod(0o600)
    back = [f"http://127.0.0.1:{port}/v1/providers/{name}/callback" for name in ("home", "home-es")]
    process = subprocess.Popen([pathlib.Path(__file__).resolve().parents[1] / "provider" / "serve", "0", "kontor", str(secret), *back],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    atexit.register(process.kill)
    line = process.stdout.readline().split()
    if line[:1] != ["ready"]:
        process.kill()
        raise RuntimeError("tests/provider/serve does not begin: node and npm are needed")
    for name, client, algorithm in (("home", "kontor", "RS256"), ("home-es", "kontor-es256", "ES256")):
        (folder / f"{name}.conf").write_text(f"label = {'Home' if name == 'home' else 'Home ES'}\nissuer = {line[1]}\nclient_id = {client}\nclient_secret = {secret}\nalgorithm = {algorithm}\n")
    return process, line[1]
