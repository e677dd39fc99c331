"""A period's data package: what the server gives verifies offline, and nothing of it can be changed unseen."""
import csv
import hashlib
import io
import subprocess
import tarfile

from harness import BUILD
from test_log import newest, reader
from test_report import DAY, a_job, now_of, report
from world import stamp

WORLD = {"more": ["--checkpoint-ms=100", "--public-entries=no"]}


def path(start, end):
    return f"/v1/programme/report/package?from={stamp(start)}&to={stamp(end)}"


def package(world, start, end, who="auditor"):
    size = world.anybody.must("GET", "/v1/journal")["size"]
    newest(world, reader(world), size)
    reply = world.people[who].get(path(start, end))
    assert reply.status == 200 and reply.headers["content-type"] == "application/x-tar", reply
    return reply


def judged(world, body, *options):
    file = world.server.data / "package.tar"
    file.write_bytes(body)
    done = subprocess.run([str(BUILD / "kontor-audit"), "package", *options, str(file)], capture_output=True, text=True)
    assert done.returncode in (0, 1) and not done.stderr, done
    return done.returncode, done.stdout


def files(body):
    """Name to bytes, in their order, without the folder."""
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {m.name.split("/", 1)[1]: tar.extractfile(m).read() for m in tar.getmembers()}


def packed(some, folder="kontor-a", sums=True):
    """An archive of these files as the server makes it; its sums made anew: whoever forges it does so."""
    some = dict(some)
    if sums:
        some["SHA256SUMS"] = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in some.items() if name != "SHA256SUMS").encode()
    out = bytearray()
    for name, data in some.items():
        header = bytearray(512)
        full = f"{folder}/{name}".encode()
        header[:len(full)] = full
        for at, text in ((100, b"0000644\0"), (108, b"0000000\0"), (116, b"0000000\0"), (124, b"%011o\0" % len(data)), (136, b"%011o\0" % 1), (156, b"0"), (257, b"ustar\00000"), (148, b" " * 8)):
            header[at:at + len(text)] = text
        header[148:156] = b"%06o\0 " % sum(header)
        out += header + data + bytes(-len(data) % 512)
    return bytes(out + bytes(1024))


def table(text):
    return list(csv.DictReader(io.StringIO(text.decode())))


def policy(world):
    file = world.server.data / "policy"
    file.write_text(f"log {world.anybody.must('GET', '/v1/journal')['vkey']}\nquorum none\n")
    return f"--policy={file}"


def test_a_package_verifies_and_says_what_the_report_says(world):
    start = now_of(world) - DAY
    world.people["brisa"].must("POST", f"/v1/reservations/{world.accept()['id']}/cancel", {}, key=True)
    a_job(world)
    end = now_of(world) + DAY
    reply = package(world, start, end)
    status, said = judged(world, reply.body, policy(world))
    assert status == 0 and "PROVED" in said and "NOT PROVED" in said and "signed by its log" in said, said
    some, told = files(reply.body), report(world, start, end)
    whole = next(r for r in table(some["report.csv"]) if r["by"] == "all")
    for figure in ("funded", "allotted", "granted", "held", "released", "settled", "corrected", "lapsed"):
        assert whole[f"{figure}_gpums"] == told["all"][f"{figure}_gpums"], figure
    assert int(whole["held_gpums"]) > 0 and int(whole["settled_gpums"]) > 0 and whole["value_eur_cents"] == str(told["all"]["value_eur_cents"])
    assert {r["of"] for r in table(some["report.csv"]) if r["by"] == "site"} == {g["name"] for g in told["sites"]}
    assert sum(int(r["signatures"]) for r in table(some["signatures.csv"]) if r["kind"] == "SETTLE" and r["by"] == "own key") >= 1
    sums = dict(reversed(line.split("  ")) for line in some["SHA256SUMS"].decode().splitlines())
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in some.items() if name != "SHA256SUMS"}
    folder = world.server.data / "unpacked"
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as tar:
        tar.extractall(folder)
    done = subprocess.run([str(BUILD / "kontor-audit"), "package", policy(world), str(next(folder.iterdir()))], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == said, done
    for person in world.people.values():
        assert str(person.email if hasattr(person, "email") else "@example").encode() not in reply.body
    assert judged(world, packed(some), policy(world))[0] == 0  # our own archives are as the server's


def test_what_gpus_time_went_to_is_as_the_page_has_it(world):
    """Of a period that is over: what is not can still change between the two."""
    world.accept()
    a_job(world)
    start, end = now_of(world) - DAY, now_of(world)
    rows = table(files(package(world, start, end).body)["idle.csv"])
    use = world.people["auditor"].must("GET", f"/v1/programme/use?from={stamp(start)}&to={stamp(end)}")["idle"]
    assert rows == use and {r["site"] for r in rows} == {"lumi", "bsc"}, (rows, use)
    for row in rows:
        parts = {k: int(v) for k, v in row.items() if k != "site"}
        assert parts.pop("all_gpu_ms") == sum(parts.values()) > 0, row
    assert any(int(r["used_gpu_ms"]) + int(r["unused_gpu_ms"]) > 0 for r in rows), rows
    long_ago = table(files(package(world, start - 400 * DAY, start - 399 * DAY).body)["idle.csv"])
    assert all(r["all_gpu_ms"] == "0" for r in long_ago), long_ago
    years = table(files(package(world, start - 3000 * DAY, end).body)["idle.csv"])  # looked at year by year
    assert years == table(files(package(world, start, end).body)["idle.csv"]), years


def test_a_period_in_the_middle(world):
    """Entries lie before it and after it: what it rests on is proved, and that nothing is left out."""
    world.accept()
    start = now_of(world)
    world.people["brisa"].must("POST", f"/v1/reservations/{world.accept()['id']}/cancel", {}, key=True)
    end = now_of(world) + 1
    world.accept()
    reply = package(world, start, end)
    some = files(reply.body)
    status, said = judged(world, reply.body, policy(world))
    assert status == 0 and "goes on from the checkpoint" in said, said
    assert any(name.startswith("entries/") and name != "entries/000000000000" for name in some)
    empty = package(world, start - 400 * DAY, start - 399 * DAY).body
    assert judged(world, empty, policy(world))[0] == 0 and not any(n.startswith("entries/") for n in files(empty))


def changed(text, at):
    text = bytearray(text)
    text[at] ^= 1
    return bytes(text)


def test_what_is_changed_is_told(world):
    start = now_of(world) - DAY
    world.accept()
    body = package(world, start, now_of(world) + DAY).body
    some, option = files(body), policy(world)
    whole = judged(world, body, option)[1]
    word = {"README.txt", "names.csv", "jobs.csv", "idle.csv", "witnesses.csv", "SHA256SUMS"}  # README and what rests on the server's word
    for name, data in some.items():
        for at in range(0, len(data), max(1, len(data) // 7)):
            told = judged(world, packed({**some, name: changed(data, at)}, sums=False), option)
            assert told[0] == 1, (name, at, told)  # by its sum
            if name not in word:
                told = judged(world, packed({**some, name: changed(data, at)}), option)
                assert told[0] == 1 or name == "journal/policy" or (name == "journal/proof" and told[1].splitlines()[0] != whole.splitlines()[0]), (name, at, told)  # of another period, as it says
        if name not in word | {"journal/policy", "journal/checkpoint-before"}:
            assert judged(world, packed({n: d for n, d in some.items() if n != name}), option)[0] == 1, name
    for name in (n for n in some if n.startswith("entries/")):
        bundle, at = some[name], 0
        while at < len(bundle):  # every leaf
            size = int.from_bytes(bundle[at:at + 2], "big")
            assert judged(world, packed({**some, name: changed(bundle, at + 2 + size // 2)}), option)[0] == 1, (name, at)
            at += 2 + size
        last = len(bundle) - size - 2
        assert judged(world, packed({**some, name: bundle[:last]}), option)[0] == 1
        assert judged(world, packed({**some, name: bundle + bundle[last:]}), option)[0] == 1
    report_lines = some["report.csv"].split(b"\r\n")
    for i in range(1, len(report_lines) - 1):
        forged = b"\r\n".join([*report_lines[:i], *report_lines[i + 1:]])
        status, said = judged(world, packed({**some, "report.csv": forged}), option)
        assert status == 1 and "report.csv, line" in said and "does not follow" in said, said


def test_a_class_is_a_keys_own(world):
    """The server's key is no officer's: what it signs for people does not count as signed by their own keys, whatever the entry says."""
    start = now_of(world) - DAY
    some = files(package(world, start, now_of(world) + DAY).body)
    bundle, at = bytearray(some["entries/000000000000"]), 0
    while True:
        size = int.from_bytes(bundle[at:at + 2], "big")
        if int.from_bytes(bundle[at + 4:at + 6], "big") == 3:  # FUND
            break
        at += 2 + size
    authority = at + 2 + size - 146
    assert bundle[authority] == 3
    bundle[authority] = 1
    status, said = judged(world, packed({**some, "entries/000000000000": bytes(bundle)}))
    index = int.from_bytes(bundle[at + 6:at + 14], "big")
    assert status == 1 and f"FAULT: entry {index} (FUND): key 0 does not answer for it." in said, said


def test_another_periods_slice(world):
    middle = now_of(world)
    world.accept()
    end, option = now_of(world) + DAY, policy(world)
    one, other = files(package(world, middle - DAY, end).body), files(package(world, middle, end).body)
    tables = {n: d for n, d in one.items() if n.endswith(".csv")}
    assert judged(world, packed({**other, **tables}), option)[0] == 1
    mixed = {n: d for n, d in one.items() if not n.startswith(("entries/", "around/"))}
    assert judged(world, packed({**mixed, **{n: d for n, d in other.items() if n.startswith(("entries/", "around/"))}}), option)[0] == 1
    # a period that claims to be longer than its slice
    wider = other["journal/proof"].replace(b"\nfrom " + stamp(middle).encode()[:-1], b"\nfrom " + stamp(middle - DAY).encode()[:-1])
    if wider == other["journal/proof"]:
        wider = b"\n".join(b"from " + stamp(middle - DAY).encode() if line.startswith(b"from ") else line for line in wider.split(b"\n"))
    status, said = judged(world, packed({**other, "journal/proof": wider}), option)
    assert status == 1 and "left out" in said, said


def test_hostile_archives(world):
    start, option = now_of(world) - DAY, policy(world)
    body = package(world, start, now_of(world) + DAY).body
    some = files(body)
    for cut in (*range(0, len(body), max(1, len(body) // 40)), len(body) - 1, len(body) - 512):
        assert judged(world, body[:cut], option)[0] == 1, cut
    assert judged(world, body + b"\0", option)[0] == 1 and judged(world, body + body, option)[0] == 1
    for name in ("../evil", "/etc/passwd", "..", ".hidden", "entries/../../x", "a//b", "a/./b"):
        assert judged(world, packed({**some, name: b"x"}), option)[0] == 1, name
        assert judged(world, packed({**some, name: b"x"}, folder="/tmp"), option)[0] == 1, name
    huge = bytearray(body)  # a header that promises 8 GiB
    huge[124:136] = b"77777777777\0"
    huge[148:156] = b" " * 8
    huge[148:156] = b"%06o\0 " % sum(huge[:512])
    assert judged(world, bytes(huge), option)[0] == 1
    for kind in b"12345675xgLK":  # links, devices, folders, pax and GNU extensions
        link = bytearray(body)
        link[156] = kind
        link[148:156] = b" " * 8
        link[148:156] = b"%06o\0 " % sum(link[:512])
        assert judged(world, bytes(link), option)[0] == 1, chr(kind)
    for other in (b"", b"x", b"\x1f\x8b\x08" + bytes(4000), b"PK\x03\x04" + bytes(4000), bytes(100000)):
        assert judged(world, other, option)[0] == 1
    assert judged(world, packed({**some, "entries/999999999999": b"x"}), option)[0] == 1


def test_who_may_have_it(world):
    start, end = now_of(world) - DAY, now_of(world)
    for who, status in (("brisa", 403), ("lumi", 403)):
        assert world.people[who].get(path(start, end)).status == status, who
    assert world.anybody.get(path(start, end)).status == 401
    assert world.people["auditor"].get("/v1/programme/report/package").json["code"] == "query-invalid"
    assert world.people["officer"].get(path(start, end)).headers["content-disposition"].startswith('attachment; filename="kontor-')
