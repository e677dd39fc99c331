"""/metrics says what is so, in Prometheus' form; the alerts and the dashboard ask only for what is there."""
import json
import re
import subprocess

from harness import TOP
from story import samples, scrape, story, until, value
from story import world as any_world

LABELS = {"route": 90, "class": 5, "le": 28, "lane": 3, "command": 20, "outcome": 20, "reason": 150, "phase": 6, "other": 2, "site": 2, "state": 11,
          "within": 4, "offering": 2, "window": 3, "version": 1, "checkpoint": 2, "witness": 2, "role": 3}
RULES = TOP / "share" / "prometheus" / "kontor.rules.yml"
RULE_TESTS = TOP / "tests" / "metrics" / "rules.test.yml"
DASHBOARD = TOP / "share" / "grafana" / "kontor.json"
# What PromQL itself knows; any other word in a query is a metric or a label.
WORDS = {"sum", "max", "min", "avg", "count", "rate", "increase", "histogram_quantile", "by", "without", "on", "ignoring", "and", "or", "unless", "changes", "offset",
         "topk", "clamp_min", "absent", "time", "group_left", "bool", "max_over_time", "min_over_time", "delta", "deriv", "predict_linear", "abs", "le", "ceil"}


def world():
    made = any_world(more=["--checkpoint-ms=100"])
    made.agent, _ = story(made)
    watched(made)
    return made


def watched(world):
    """lumi's witness has cosigned what was signed first, bsc's nothing; lumi's was shown what must not be, and bsc's says so of
    what the log has not signed."""
    site = {code: world.server.sql(f"SELECT index FROM entry WHERE kind = 14 AND position('{code}'::bytea IN body) > 0 ORDER BY index LIMIT 1") for code in ("lumi", "bsc")}
    until(lambda: world.server.sql("SELECT count(*) FROM checkpoint") != "0")
    key = "decode(repeat('{0}', 32), 'hex')"
    for role, code, public in ((0, "lumi", "11"), (0, "bsc", "22"), (1, "bsc", "33")):
        world.server.sql(f"INSERT INTO witness VALUES ({key.format(public)}, {site[code]}, {role}, 'w', 1)")
    world.server.sql(f"INSERT INTO cosignature SELECT min(size), {key.format('11')}, 'w', 1, decode(repeat('00', 64), 'hex'), min(signed_ms) FROM checkpoint")
    signed = until(lambda: (lambda r: r.body.decode() if r.status == 200 else None)(world.anybody.call("GET", "/checkpoint", check=False)))
    for code, note in (("lumi", signed), ("bsc", "note")):
        world.server.sql(f"INSERT INTO refusal SELECT {site[code]}, 1, 'other-root', 9, root, 9, root, $n${note}$n$, 4102444800000 FROM checkpoint LIMIT 1")
    world.server.sql("UPDATE checkpoint SET signed_ms = signed_ms - 3600000")
    until(lambda: "kontor_witness_behind_seconds{" in scrape(world.server))


def names(text):
    return {n for n, _, _ in samples(text)}


def metrics_of(query):
    """Names of metrics in a PromQL query: words outside braces, strings, ranges and label lists."""
    query = re.sub(r'"[^"]*"', "", query)
    query = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", query)
    query = re.sub(r"\b(?:by|without|on|ignoring|group_left)\s*\([^)]*\)", "", query)
    return {w for w in re.findall(r"\b[a-zA-Z_:][a-zA-Z0-9_:]*\b", query) if w not in WORDS}


def ran(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_form_is_right(world):
    text = scrape(world.server)
    assert ran("promtool", "check", "metrics", input=text).strip() == ""
    for line in text.splitlines():
        if line.startswith("# HELP"):
            assert len(line.split(None, 3)[3]) > 5, line
    helped = re.findall(r"^# HELP (\S+)", text, re.M)
    assert len(helped) == len(set(helped)), "one head each"


def test_figures_tell_what_happened(world):
    def head():
        return world.server.sql("SELECT size, batch, term FROM head")

    before, text = None, ""
    while before != head():  # of one moment: time writes entries of its own
        before, text = head(), scrape(world.server)
    size, batch, term = map(int, before.split("|"))
    assert value(text, "kontor_leading") == 1 and value(text, "kontor_phase", phase="leading") == 1
    assert value(text, "kontor_decisions_total", command="accept", outcome="done") == 2
    assert value(text, "kontor_decisions_total", command="accept", outcome="refused") == 1
    assert value(text, "kontor_refusals_total", reason="quote-expired") == 1
    assert value(text, "kontor_http_requests_total", route="quotes_accept", **{"class": "2xx"}) == 2
    assert value(text, "kontor_http_requests_total", route="quotes_accept", **{"class": "4xx"}) == 1
    assert value(text, "kontor_http_requests_total", route="none", **{"class": "4xx"}) >= 1
    assert value(text, "kontor_http_request_duration_seconds_count", route="quotes_accept") == 3
    assert value(text, "kontor_tickets", site="lumi", state="permitted") == 1
    assert value(text, "kontor_tickets", site="bsc", state="issued") == 1
    assert value(text, "kontor_site_unconfirmed_tickets", site="bsc") == 1
    assert value(text, "kontor_holds_open") == 2 and value(text, "kontor_reservations") == 2
    assert 0 <= value(text, "kontor_agent_silence_seconds", site="lumi") < 600
    assert not [1 for n, had, _ in samples(text) if n == "kontor_agent_silence_seconds" and had["site"] == "bsc"], "never in touch"
    assert (value(text, "kontor_journal_entries"), value(text, "kontor_head_batch"), value(text, "kontor_term")) == (size, batch, term)
    assert value(text, "kontor_commits_total", outcome="done") == value(text, "kontor_commit_duration_seconds_count")
    assert value(text, "kontor_batch_commands_sum") >= value(text, "kontor_batch_commands_count") > 10
    assert value(text, "kontor_queue_wait_seconds_count") == value(text, "kontor_batch_commands_sum")
    assert value(text, "kontor_rebuilds_total", outcome="done") == 1
    lumi = world.sites["lumi"]["offering"]
    assert value(text, "kontor_calendar_capacity_gpus", site="lumi", offering=str(lumi)) == 80
    assert 0 < value(text, "kontor_calendar_booked_ratio", site="lumi", offering=str(lumi), window="1d") < 1
    assert value(text, "process_open_fds") > 5 and value(text, "process_resident_memory_bytes") > 1e6
    assert value(text, "process_cpu_seconds_total") > 0 and value(text, "process_start_time_seconds") > 1.6e9
    assert value(text, "kontor_workers") >= 4 and value(text, "kontor_database_silence_seconds") < 6
    buckets = [v for n, had, v in samples(text) if n == "kontor_commit_duration_seconds_bucket"]
    assert buckets == sorted(buckets) and buckets[-1] == value(text, "kontor_commit_duration_seconds_count")


def test_witnesses_are_watched(world):
    first = int(world.server.sql("SELECT min(size) FROM checkpoint"))

    def told():
        text = scrape(world.server)
        return text if value(text, "kontor_checkpoint_entries", checkpoint="signed") == value(text, "kontor_journal_entries") else None
    text = until(told)
    size = value(text, "kontor_journal_entries")
    assert value(text, "kontor_checkpoint_entries", checkpoint="shown") == size, "no policy asks for witnesses"
    assert value(text, "kontor_checkpoint_wait_seconds") == 0
    assert value(text, "kontor_checkpoint_refused", site="lumi", reason="other-root") == 1
    assert value(text, "kontor_checkpoint_refused") == 1, "no other reason, and no site that shows nothing that the log has signed"
    assert value(text, "kontor_witness_behind_entries", witness="lumi", role="witness") == size - first
    assert value(text, "kontor_witness_behind_entries", witness="bsc", role="witness") == size
    assert value(text, "kontor_witness_behind_entries", witness="bsc", role="attest") == size
    seconds = [value(text, "kontor_witness_behind_seconds", witness=w, role="witness") for w in ("lumi", "bsc")]
    assert 0 <= seconds[0] <= seconds[1] and 3600 <= seconds[1] < 4200, seconds


def test_labels_are_few_and_name_nobody(world):
    text = scrape(world.server)
    values = {}
    for _, had, _ in samples(text):
        for label, one in had.items():
            values.setdefault(label, set()).add(one)
    for label, seen in values.items():
        assert label in LABELS and len(seen) <= LABELS[label], (label, seen)
    for secret in [*world.organisations, *world.organisations.values(), *world.ids.values(), *world.ids, "kontor.example", "train"]:
        if secret not in ("lumi", "bsc", "officer", "officer2", "auditor", "administrator"):
            assert secret not in text, secret
    assert "@" not in text


def test_the_door_is_its_own(world):
    assert world.anybody.get("/metrics", check=False).status == 404
    assert world.local.get("/metrics", check=False).status == 404


def test_a_scrape_costs_little(world):
    before = value(scrape(world.server), "process_cpu_seconds_total")
    for _ in range(50):
        text = scrape(world.server)
    cost = (value(text, "process_cpu_seconds_total") - before) / 50
    print(f"# a scrape costs {cost * 1000:.2f} ms of processor, {len(text)} bytes")
    assert cost < 0.05, cost


def test_alerts(world):
    ran("promtool", "check", "rules", str(RULES))
    ran("promtool", "test", "rules", str(RULE_TESTS))
    import yaml
    groups = yaml.safe_load(RULES.read_text())["groups"]
    there, named = names(scrape(world.server)) | {r["record"] for g in groups for r in g["rules"] if "record" in r}, set()
    for group in groups:
        for rule in group["rules"]:
            for name in metrics_of(rule["expr"]) - {"up"}:
                assert name in there, (rule.get("alert"), name)
            if "alert" in rule:
                named.add(rule["alert"])
                assert rule["labels"]["severity"] in ("page", "ticket") and rule["annotations"]["summary"], rule
                assert f"`{rule['alert']}`" in (TOP / "docs" / "operator.md").read_text(), f"the guide does not say what to do about {rule['alert']}"
    tested = {t["alertname"] for one in yaml.safe_load(RULE_TESTS.read_text())["tests"] for t in one["alert_rule_test"]}
    assert tested == named, tested ^ named


def test_dashboard(world):
    board = json.loads(DASHBOARD.read_text())
    there, asked, ids = names(scrape(world.server)), set(), []
    for panel in board["panels"]:
        ids.append(panel["id"])
        assert panel["title"] and panel["gridPos"]["w"] <= 24, panel
        for target in panel.get("targets", []):
            asked |= metrics_of(target["expr"])
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            asked.add(re.match(r"label_values\((\w+)", variable["query"])[1])
    assert len(ids) == len(set(ids)) and len(asked) > 25, asked
    assert asked <= there, asked - there
