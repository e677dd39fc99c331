"""Certificates for tests of TLS, made by openssl: an authority; a server's for 127.0.0.1 and localhost; one for another name, one
that is over, one that nobody vouches for."""
import subprocess


def run(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def make(folder):
    """Paths: ca, and (certificate, key) of good, wrong, expired, unknown."""
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run("req", "-x509", *curve, "-keyout", ca_key, "-out", ca, "-days", 30, "-subj", "/CN=Test authority")
    made = {"ca": ca}
    for name, names, days in (("good", "DNS:localhost,IP:127.0.0.1", 30), ("wrong", "DNS:elsewhere.example", 30), ("expired", "DNS:localhost,IP:127.0.0.1", -1),
                              ("unknown", "DNS:localhost,IP:127.0.0.1", 30)):
        key, request, pem, more = (folder / f"{name}.{end}" for end in ("key", "csr", "pem", "ext"))
        more.write_text(f"subjectAltName={names}\n")
        run("req", *curve, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        signed = ("-signkey", key) if name == "unknown" else ("-CA", ca, "-CAkey", ca_key, "-CAcreateserial")
        run("x509", "-req", "-in", request, *signed, "-out", pem, "-days", days, "-extfile", more)
        made[name] = (pem, key)
    return made
