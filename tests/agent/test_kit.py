"""The conformance kit (kit) is run against kontor-agent and the minimal agent, against the strict server, and against itself:
agents and servers that break one rule (mutants.py) must fail at that rule."""
import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import curves  # noqa: E402
import hpke  # noqa: E402
import kit_agent  # noqa: E402
import kit_server  # noqa: E402
from fake_server import FakeServer, Key, verify  # noqa: E402
from mutants import AGENTS, SERVERS  # noqa: E402
from rig import AGENT  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = [sys.executable, "-S", "-E"]
MINIMAL = [*PYTHON, os.path.join(HERE, "minimal_agent.py")]
WHOLE = os.environ.get("KONTOR_KIT_WHOLE")  # each mutant at each case: an hour; or those that are named, with commas
# Those that are found within a second or two, of each kind of rule; the others with KONTOR_KIT_WHOLE.
QUICK = ("TakesAlgNone", "TakesHs256", "ChecksNoSignature", "TakesOthersTickets", "TakesAnyNumber", "TakesTheFuture", "IgnoresFences", "RunsReplays", "ConfirmsFirst",
         "SendsFirst", "StartsWhenRefused", "StartsUnasked", "UsesLatePermits", "AnyReceiptIsMine", "SignsNothingAnew")


class Strict:
    """The strict server's other side, as the kit asks for it."""

    def __init__(self, server):
        self.server, self.url, self.site, self.token = server, server.url, server.SITE, server.new_token()

    def order(self):
        self.server.issue("true")

    def ticket(self, reservation):
        return next(t for t in self.server.by_jti.values() if t.claims["reservation"] == reservation)

    def cancel(self, reservation):
        self.server.cancel(self.ticket(reservation))

    def state(self, reservation):
        ticket = self.ticket(reservation)
        if any(f"({ticket.jti[-4:]}):" in words.split("; before")[0] for words in self.server.broken):
            return "disputed"
        return "settled" if ticket.last else "open"

    def fault(self, number):
        return None


def not_ok(results):
    return {r[0]: r[2] for r in results if r[1] != "ok"}


class Kit(unittest.TestCase):
    def agent(self, command):
        wrong = not_ok(kit_agent.run(command, tell=lambda *_: None, patience=3))
        self.assertEqual(wrong, {})

    def test_kontor_agent(self):
        os.environ["KONTOR_AGENT"] = AGENT
        self.agent([os.path.join(HERE, "as_kontor")])

    def test_minimal_agent(self):
        self.agent(MINIMAL)

    def test_strict_server(self):
        server = FakeServer()
        self.addCleanup(server.close)
        self.assertEqual(not_ok(kit_server.run(Strict(server))), {})

    def test_each_case_has_its_rule(self):
        for module in (kit_agent, kit_server):
            for name, (rule, _) in module.CASES.items():
                self.assertRegex(rule, r"^[A-Z][A-Za-z ,’-]+: .*\.$", name)
                self.assertRegex(name, r"^[a-z0-9-]+$")


class Honest(unittest.TestCase):
    maxDiff = None
    """Who breaks a rule is found at that rule, and at no other."""

    def test_servers(self):
        wrong = {}
        for name, (kind, cases, _) in SERVERS.items():
            server = kind()
            found = not_ok(kit_server.run(Strict(server)))
            server.close()
            if set(found) != cases:
                wrong[name] = f"not found: {cases - set(found)}, found: " + ", ".join(f"{n}: {why[:120]}" for n, why in found.items() if n not in cases)
        self.assertEqual(wrong, {})

    def test_agents(self):
        unknown = set().union(*(cases | may for _, cases, may in AGENTS.values())) - set(kit_agent.CASES)
        self.assertEqual(unknown, set())
        wrong = {}
        for name, (_, cases, may) in AGENTS.items():
            if name not in QUICK if not WHOLE else WHOLE != "1" and name not in WHOLE.split(","):
                continue
            asked = set(kit_agent.CASES) if WHOLE else {min(cases), max(cases), "good-day"}  # which says that it does work at all
            command = [*PYTHON, os.path.join(HERE, "mutants.py"), name]
            found = not_ok(kit_agent.run(command, asked - cases, patience=3, tell=lambda *_: None))
            for _ in range(3):  # where it must be killed in an instant, the instant may be missed
                found |= not_ok(kit_agent.run(command, asked & cases, patience=0.4, tell=lambda *_: None))
                if cases & asked <= set(found):
                    break
            right = set(found) - may == cases & asked
            if WHOLE:
                print(f"# {name}: " + ("as it should be" if right else f"not found {(cases & asked) - set(found)}, found {set(found) - cases}"), flush=True)
            if not right:
                wrong[name] = f"not found: {(cases & asked) - set(found)}, found: " + ", ".join(f"{n}: {why[:120]}" for n, why in found.items() if n not in cases)
        self.assertEqual(wrong, {})


class Said(unittest.TestCase):
    """Each refusal of a hostile ticket or receipt has its own word in kontor-agent's log."""

    WORDS = {"wrong-key": "token-signature", "alg-none": "token-algorithm", "hs256": "token-algorithm", "unknown-key": "token-key", "typ": "token-type",
             "truncated": "token-malformed", "other-issuer": "token-server", "other-site": "token-site", "unknown-claim": "field-unknown",
             "double-claim": "field-duplicate", "deep": "json-malformed", "gap": "gap", "future": "token-future"}

    def said(self, case):
        trial = kit_agent.Trial([os.path.join(HERE, "as_kontor")])
        self.addCleanup(trial.close)
        os.environ["KONTOR_AGENT"] = AGENT
        kit_agent.CASES[case][1](trial)
        with open(trial.log_path, encoding="utf-8", errors="replace") as f:
            return set(re.findall(r"(?:ticket-not-taken|receipt-not-taken|ticket-rejected).*?error=([a-z-]+)", f.read()))

    def test_tickets(self):
        wanted = {**{"ticket-" + name: {word} for name, word in self.WORDS.items()}, "ticket-expired": {"token-expired"}, "fence-lower": {"fence"}}
        self.assertEqual({name: self.said(name) for name in wanted}, wanted)

    def test_receipts(self):
        wanted = {"permit-wrong-key": {"token-signature"}, "permit-replayed": {"token-other"}, "permit-other-site": {"token-site"}}
        self.assertEqual({name: self.said(name) for name in wanted}, wanted)


class Sealing(unittest.TestCase):
    """hpke.py against RFC 9180's vector of its suite, and the one of a secret that the C code is held against."""

    def test_vectors(self):
        with open(os.path.join(HERE, "..", "..", "schema", "hpke.json"), encoding="utf-8") as f:
            vectors = json.load(f)["vectors"]
        for vector in vectors:
            v = {name: bytes.fromhex(value) for name, value in vector.items() if name != "name"}
            self.assertEqual(hpke.seal(v["pkRm"], v["info"], v["aad"], v["pt"], v["skEm"]), (v["pkEm"], v["ct"]))
            self.assertEqual(hpke.open_(v["skRm"], v["pkEm"], v["info"], v["aad"], v["ct"]), v["pt"])
            with self.assertRaises(ValueError):
                hpke.open_(v["skRm"], v["pkEm"], v["info"] + b"x", v["aad"], v["ct"])


class Curves(unittest.TestCase):
    """curves.py against the RFCs' own examples, and against libsodium."""

    def test_rfc_8032(self):
        for seed, public, message, signature in (
                ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
                ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")):
            seed, public, message, signature = map(bytes.fromhex, (seed, public, message, signature))
            self.assertEqual(curves.ed25519_public(seed), public)
            self.assertEqual(curves.ed25519_sign(seed, message), signature)
            self.assertTrue(curves.ed25519_verify(public, message, signature))
            self.assertFalse(curves.ed25519_verify(public, message + b"x", signature))
            high = signature[:32] + (int.from_bytes(signature[32:], "little") + curves.L).to_bytes(32, "little")
            self.assertFalse(curves.ed25519_verify(public, message, high), "two signatures of one message")

    def test_rfc_7748(self):
        alice, bob = (bytes.fromhex(t) for t in ("77076d0a7318a57d3c16c17251b26645df4c2f92ebc099f2a4f0b3b6f6d1f7b1", "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
        one = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
        two = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
        self.assertEqual(curves.x25519(one, two).hex(), "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
        self.assertEqual(curves.x25519(alice, curves.x25519_public(bob)), curves.x25519(bob, curves.x25519_public(alice)))

    def test_libsodium(self):
        for i in range(8):
            seed, message = os.urandom(32), os.urandom(i * 37)
            key = Key(seed)
            self.assertEqual((curves.ed25519_public(seed), curves.ed25519_sign(seed, message)), (key.public.raw, key.sign(message)))
            self.assertTrue(verify(key.public, message, curves.ed25519_sign(seed, message)))
        for small in (bytes(32), (1).to_bytes(32, "little"), (curves.P - 1).to_bytes(32, "little")):
            self.assertFalse(curves.ed25519_verify(small, b"", (1).to_bytes(32, "little") + bytes(32)), "a key of small order")


if __name__ == "__main__":
    unittest.main()
