"""Each organisation a Unix user and a Slurm account of its own: real users, made for the test and removed after it, whose jobs
come to Slurm by the real sudo and the real kontor-slurm-submit. Only root may make users: others leave this out, and say so."""

import base64
import os
import pwd
import shutil
import subprocess
import unittest

from cluster import SRC, Cluster, wait
from fake_server import FakeServer
from slurm_site import ORGANISATION, STRANGER, Argv, Site, SlurmRig

UNLISTED = "0190163d-8694-7f01-bf03-00000000000c"  # mapped, but root's file does not name its user
CROSSED = "0190163d-8694-7f01-bf03-00000000000d"   # its user may not charge its account
BUILD = os.path.abspath(os.environ["KONTOR_BUILD"])
REFUSES = 65


def why_not():
    if os.getuid() != 0:
        return "only root may make users"
    missing = [name for name in ("sudo", "useradd", "userdel", "visudo", "cc") if not shutil.which(name, path="/usr/sbin:/usr/bin:/bin")]
    return "there is no " + ", ".join(missing) if missing else None


class People:
    """The agent's user and one for each organisation; root's file for the helper; what sudo allows."""

    def __init__(self, folder):
        mark = f"kt{os.getpid()}"
        self.agent, self.one, self.two = self.all = [f"{mark}{who}" for who in ("agent", "one", "two")]
        self.folder, self.jobs, self.helper = folder, os.path.join(folder, "jobs"), os.path.join(folder, "kontor-slurm-submit")
        self.sudoers = f"/etc/sudoers.d/kontor-test-{os.getpid()}"

    def make(self, slurm_conf):
        for name in self.all:
            subprocess.run(["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name], check=True)
        os.mkdir(self.jobs, 0o755)
        os.chmod(self.jobs, 0o755)
        for name in (self.one, self.two):
            subprocess.run(["install", "-d", "-o", name, "-g", self.agent, "-m", "2770", os.path.join(self.jobs, name)], check=True)
        # the program as it is installed, but for the place of its settings
        etc = os.path.join(self.folder, "etc")
        os.makedirs(os.path.join(etc, "kontor"))
        with open(os.open(os.path.join(etc, "kontor", "slurm-submit.conf"), os.O_WRONLY | os.O_CREAT, 0o644), "w", encoding="ascii") as f:
            f.write(f"sbatch /usr/bin/sbatch\nslurm_conf {slurm_conf}\nfolder {self.jobs}\nuser {self.one}\n")
        sources = [os.path.join(SRC, "server", "agent", name) for name in ("slurm_submit_main.c", "slurm_submit.c")]
        subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", f'-DSYSCONFDIR="{etc}"', "-I" + os.path.join(SRC, "server"), "-o", self.helper, *sources,
                        os.path.join(BUILD, "libbase.a"), "-ljansson", "-lcrypto"], check=True)
        with open(os.open(self.sudoers, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o440), "w", encoding="ascii") as f:
            f.write(f"{self.agent} ALL=(root) NOPASSWD: {self.helper}\n")
        subprocess.run(["visudo", "-q", "-c", "-f", self.sudoers], check=True)

    def remove(self):
        if os.path.exists(self.sudoers):
            os.remove(self.sudoers)
        for name in self.all:
            try:
                pwd.getpwnam(name)
            except KeyError:
                continue
            subprocess.run(["userdel", name], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def become(name):
    entry = pwd.getpwnam(name)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups"]


class UsersRig(SlurmRig):
    """The agent as a user of its own; jobs as others."""

    def __init__(self, url, cluster, people):
        super().__init__(url, cluster, slurm_submit=people.helper)
        self.people = people
        users = os.path.join(self.root, "users")
        with open(users, "w", encoding="ascii") as f:
            f.write(f"{ORGANISATION} {people.one} org-one\n{UNLISTED} {people.two} org-two\n{CROSSED} {people.one} org-two\n")
        entry = pwd.getpwnam(people.agent)
        for path in (self.root, users):
            os.chown(path, entry.pw_uid, entry.pw_gid)
        self.options["slurm_folder"] = people.jobs

    def command(self, verb, **more):
        return become(self.people.agent) + super().command(verb, **more)

    def enrol(self, token, site):
        path = os.path.join(self.root, "token")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as f:
            f.write(token + "\n")
        entry = pwd.getpwnam(self.people.agent)
        os.chown(path, entry.pw_uid, entry.pw_gid)
        return subprocess.run(self.command("enrol", token_file=path, site=site), check=False, capture_output=True, text=True)


@unittest.skipIf(why_not(), why_not())
class Users(Site):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster("root")
        cls.addClassCleanup(cls.cluster.close)
        cls.people = People(cls.cluster.dir)
        cls.addClassCleanup(cls.people.remove)
        cls.cluster.start()
        cls.people.make(cls.cluster.conf)
        one, two, agent = cls.people.one, cls.people.two, cls.people.agent
        orders = ["add account org-one cluster=kontor", "add account org-two cluster=kontor", f"add user {one} cluster=kontor account=org-one",
                  f"add user {two} cluster=kontor account=org-two", f"add user {agent} cluster=kontor account=org-a adminlevel=operator"]
        cls.cluster.run("sacctmgr", "--immediate", "--quiet", text="\n".join(orders) + "\n")

    def setUp(self):
        self.assertTrue(self.cluster.idle())
        self.server = FakeServer(**self.server_options)
        self.rig = UsersRig(self.server.url, self.cluster, self.people)
        self.addCleanup(self.server.close)
        self.addCleanup(self.rig.close)
        done = self.rig.enrol(self.server.new_token(), self.server.SITE)
        self.assertEqual(done.returncode, 0, done.stderr)

    def sudo(self, *command):
        return subprocess.run([*become(self.people.agent), "sudo", "-n", *command], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def test_a_day(self):
        people = self.people
        theirs = os.path.join(people.jobs, people.two)
        check = subprocess.run(self.rig.command("check"), check=False, capture_output=True, text=True)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        self.rig.start()
        issue = self.server.issue
        mine = issue(self.counting("mine", f"id -un; id -Gn; ls {theirs} 2>&1 | sed 's/.*: //'; sudo -n true 2>/dev/null && echo root; sleep 2"), organisation=ORGANISATION)
        running = issue(self.counting("running", "sleep 600"), organisation=ORGANISATION)
        unlisted = issue(self.counting("unlisted"), organisation=UNLISTED)
        crossed = issue(self.counting("crossed"), organisation=CROSSED)
        stranger = issue(self.counting("stranger"), organisation=STRANGER)
        self.until(lambda: "started" in running.kinds())
        self.server.cancel(running)
        self.until_last(mine, running, unlisted, crossed, stranger)
        self.assertEqual((mine.kinds()[-1], mine.output.decode()), ("finished", f"{people.one}\n{people.one}\nPermission denied\n"), self.rig.log())
        self.assertEqual((running.kinds()[-1], running.last.reason), ("cancelled", 9), self.rig.log() + self.jobs())
        for t in (unlisted, crossed, stranger):
            self.assertEqual((t.kinds()[-1], t.last.reason), ("rejected", 3), self.rig.log())
        self.assertEqual([self.runs(name) for name in ("mine", "running", "unlisted", "crossed", "stranger")], [1, 1, 0, 0, 0])
        kept = self.cluster.said("sacct", "--noheader", "--parsable2", "--allocations", "--allusers", "--name=" + self.name(mine), "--starttime=now-1hours",
                                 "--endtime=now", "--format=User,Account,State")
        self.assertEqual(kept, f"{people.one}|org-one|COMPLETED")
        for t in (mine, running):  # the finished one's usage comes from accounting of another user's job
            self.assertEqual(t.last.gpu_seconds, self.accounted(t), self.jobs())

    def shown(self, needles):
        """Where one of them can be read in the clear: in whatever Slurm says and keeps of its jobs, its database, the agent's files and log."""
        found = []
        for command in (["scontrol", "--details", "show", "job"], ["squeue", "--json"], ["sacct", "--allusers", "--parsable2", "--format=ALL"]):
            said = self.cluster.run(*command, check=False)
            self.assertIn("kontor-", said.stdout, (command, said.stderr))
            found += [command for needle in needles if needle in said.stdout]
        for top in (self.cluster.dir, self.rig.root):
            for folder, _, names in os.walk(top):
                for name in names:
                    path = os.path.join(folder, name)
                    if name.startswith("secret-") or name == "got" or not os.path.isfile(path):
                        continue
                    with open(path, "rb") as f:
                        data = f.read()
                    found += [path for needle in needles if needle.encode() in data]
        return found

    def test_secrets_go_beside_slurm(self):
        """A file of the job's user, which nobody else reads but root; there before sbatch, gone before the payload."""
        people, value = self.people, "a%'s\n$(id) `id` secret\\n\n"
        theirs, needles = os.path.join(people.jobs, people.one), ["`id` secret", base64.b64encode(value.encode()).decode()]
        self.rig.start(takes="secrets")
        self.until(lambda: self.server.inventory)
        argv = Argv()
        self.addCleanup(argv.stop)
        seen = self.server.issue(f'#!/bin/sh\nprintf %s "$TOKEN" >"{self.rig.share}/got"\nls {theirs}\nsleep 4\n', organisation=ORGANISATION, values={"TOKEN": value, "b": ""})
        waits = self.server.issue(self.counting("waits"), organisation=ORGANISATION, start_in_ms=600000, permit_from=0, accept_ms=-599000, values={"TOKEN": value})
        path = os.path.join(theirs, "secret-" + self.name(waits))
        self.until(lambda: "queued" in waits.kinds() and "started" in seen.kinds())
        kept = os.stat(path)
        self.assertEqual((pwd.getpwuid(kept.st_uid).pw_name, oct(kept.st_mode & 0o7777)), (people.one, "0o600"))
        with open(path, encoding="ascii") as f:
            self.assertEqual(f.read(), f"TOKEN {needles[1]}\n")
        for name in (people.agent, people.two):
            done = subprocess.run([*become(name), "cat", path], check=False, capture_output=True)
            self.assertEqual((done.returncode, done.stdout), (1, b""), name)
        self.assertEqual(self.shown(needles), [])
        self.server.cancel(waits)
        self.until(lambda: not os.path.exists(path))
        self.until_last(seen, waits)
        self.assertEqual((seen.kinds()[-1], seen.last.exit_code, waits.kinds()[-1]), ("finished", 0, "cancelled"), self.rig.log() + self.jobs())
        with open(os.path.join(self.rig.share, "got"), "rb") as f:
            self.assertEqual(f.read(), value.encode())
        self.assertEqual(self.shown(needles), [])
        self.assertIn("once-" + self.name(seen), seen.output.decode().split())
        self.assertNotIn("secret-" + self.name(seen), seen.output.decode().split())
        argv.stop()
        self.assertTrue(any(self.name(waits) in words for words in argv.seen), "no process was looked at while it was submitted")
        self.assertEqual([words for words in argv.seen if any(needle in words for needle in needles)], [])

    def test_what_sudo_allows_and_the_helper_refuses(self):
        people, name = self.people, "kontor-0190163d-8694-7f01-bf03-0000000000ff"

        def helper(user, folder=None, **other):
            words = {"name": name, "account": "org-one", "partition": "gpu", "nodes": "1", "type": "a100", "gpus": "1", "minutes": "1", "begin": "0",
                     "deadline": "4102444800", "folder": folder or os.path.join(people.jobs, user), **other}
            return self.sudo(people.helper, user, *words.values())
        self.assertNotEqual(self.sudo("/bin/true").returncode, 0)
        for done in (helper("root"), helper(people.two), helper(people.agent), helper("nobody-of-that-name"), helper(people.one, folder="/tmp"),
                     helper(people.one, folder=os.path.join(people.jobs, people.one, "..", people.two)), helper(people.one, name="other"),
                     helper(people.one, minutes="1 --uid=0"), helper(people.one, account="--uid=0"), self.sudo(people.helper), self.sudo(people.helper, people.one)):
            self.assertEqual((done.returncode, done.stderr.startswith("kontor-slurm-submit: ")), (REFUSES, True), done)
        conf = os.path.join(people.folder, "etc", "kontor", "slurm-submit.conf")
        for spoil, mend in ((lambda: os.chmod(conf, 0o664), lambda: os.chmod(conf, 0o644)),
                            (lambda: os.chown(conf, pwd.getpwnam(people.agent).pw_uid, -1), lambda: os.chown(conf, 0, -1))):
            spoil()
            done = helper(people.one)
            mend()
            self.assertEqual((done.returncode, "only root's to write" in done.stderr), (REFUSES, True), done)
        self.assertTrue(wait(lambda: not self.cluster.said("squeue", "--noheader"), 10))
        self.assertNotIn(name, self.cluster.said("sacct", "--noheader", "--allusers", "--allocations", "--format=JobName%60"))


if __name__ == "__main__":
    unittest.main()
