/* core/proof, core/note, core/quorum: every proof of every small tree, against RFC 9162's recursive definition; notes and
 * keys of others (the Go project's); policies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/quorum.h"
#include "crypto/sign.h"

#define LEAVES 70

static struct hash leaves[LEAVES];

static void
make_leaves(void)
{
    for (unsigned i = 0; i < LEAVES; i++) {
        uint8_t in[2] = { 0, (uint8_t)i };
        leaves[i] = sha256(BYTES(in, 2));
    }
}

/* MTH(D[start:start + n]) as 2.1.1 writes it. */
static struct hash
mth(uint64_t start, uint64_t n)
{
    uint64_t k = 1;

    if (n == 0)
        return sha256(BYTES("", 0));
    if (n == 1)
        return leaves[start];
    while (2 * k < n)
        k *= 2;
    return merkle_node(mth(start, k), mth(start + k, n - k));
}

static enum err
subtree(void *ctx, unsigned level, uint64_t n, struct hash *ret)
{
    uint64_t width = (uint64_t)1 << level, size = *(uint64_t *)ctx;

    assert_true((n + 1) * width <= size);
    *ret = mth(n * width, width);
    return OK;
}

static void
every_leaf_of_every_tree(void **unused)
{
    (void)unused;
    for (uint64_t size = 1; size <= LEAVES; size++) {
        struct merkle_source from = { subtree, &size };
        struct hash root = mth(0, size), again;
        assert_int_equal(merkle_root_at(&from, size, &again), OK);
        assert_true(hash_equal(root, again));
        for (uint64_t i = 0; i < size; i++) {
            struct proof p;
            assert_int_equal(proof_inclusion(&from, i, size, &p), OK);
            assert_true(proof_inclusion_holds(&p, leaves[i], i, size, root));
            for (uint64_t other = 0; other < size; other++)
                assert_int_equal(proof_inclusion_holds(&p, leaves[other], other, size, root), other == i);
            assert_false(proof_inclusion_holds(&p, leaves[i], i, size + 1, mth(0, size + 1 <= LEAVES ? size + 1 : 1)));
            if (p.n > 0) {
                p.path[p.n / 2].b[3] ^= 1;
                assert_false(proof_inclusion_holds(&p, leaves[i], i, size, root));
                p.path[p.n / 2].b[3] ^= 1;
                p.n--;
                assert_false(proof_inclusion_holds(&p, leaves[i], i, size, root));
            }
        }
    }
}

static void
every_tree_of_every_larger_one(void **unused)
{
    (void)unused;
    for (uint64_t size = 0; size <= LEAVES; size++) {
        struct merkle_source from = { subtree, &size };
        struct hash root = mth(0, size);
        for (uint64_t old = 0; old <= size; old++) {
            struct proof p;
            struct hash before = mth(0, old), wrong = before;
            wrong.b[0] ^= 1;
            assert_int_equal(proof_consistency(&from, old, size, &p), OK);
            assert_int_equal(p.n == 0, old == 0 || old == size);
            assert_true(proof_consistency_holds(&p, old, before, size, root));
            assert_false(proof_consistency_holds(&p, old, wrong, size, root));
            if (p.n > 0) {
                wrong = root;
                wrong.b[31] ^= 1;
                assert_false(proof_consistency_holds(&p, old, before, size, wrong));
                for (unsigned k = 0; k < p.n; k++) {
                    p.path[k].b[k % 32] ^= 0x80;
                    assert_false(proof_consistency_holds(&p, old, before, size, root));
                    p.path[k].b[k % 32] ^= 0x80;
                }
                p.n--;
                assert_false(proof_consistency_holds(&p, old, before, size, root));
                p.n += 2;
                p.path[p.n - 1] = root;
                assert_false(proof_consistency_holds(&p, old, before, size, root));
            }
        }
    }
}

static void
what_is_not_in_the_tree_has_no_proof(void **unused)
{
    uint64_t size = 5;
    struct merkle_source from = { subtree, &size };
    struct proof p;

    (void)unused;
    assert_int_equal(proof_inclusion(&from, 5, 5, &p), ERR_FIELD_RANGE);
    assert_int_equal(proof_inclusion(&from, 0, 0, &p), ERR_FIELD_RANGE);
    assert_int_equal(proof_inclusion(&from, 0, UINT64_MAX, &p), ERR_FIELD_RANGE);
    assert_int_equal(proof_consistency(&from, 6, 5, &p), ERR_FIELD_RANGE);
    p.n = 0;
    assert_false(proof_inclusion_holds(&p, leaves[0], 0, 0, leaves[0]));
    assert_true(proof_inclusion_holds(&p, leaves[0], 0, 1, leaves[0]));
    assert_false(proof_consistency_holds(&p, 6, leaves[0], 5, leaves[0]));
    assert_false(proof_consistency_holds(&p, 3, leaves[0], 5, leaves[0]));
}

/* ---- notes ------------------------------------------------------------------------------------------------------- */

static bool
verify(const uint8_t public[32], struct bytes message, const uint8_t sig[64])
{
    return sign_verify(public, message, sig) == OK;
}

static void
keys_of_others_are_read(void **unused)
{
    static const char *const good[] = {
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    };
    static const char *const bad[] = {
        "", "a", "+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "sum.golang.org+033de0af+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",  /* another id */
        "sum.golang.orh+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",  /* another name */
        "sum.golang.org+033DE0AE+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuA",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8\n",
        "sum golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    };
    char text[VKEY_TEXT_MAX];
    struct vkey k;

    (void)unused;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(vkey_parse(good[i], &k));
        vkey_text(&k, text);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(vkey_parse(bad[i], &k));
    assert_true(note_name_ok("kontor.example/journal"));
    assert_false(note_name_ok(""));
    assert_false(note_name_ok("a+b"));
    assert_false(note_name_ok("a b"));
    assert_false(note_name_ok("a\xc2\xa0z"));
    assert_false(note_name_ok("a\xe3\x80\x80z"));
    assert_false(note_name_ok("a\tb"));
}

#define NEUMANN_TEXT "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
#define NEUMANN_LINE "\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"

static void
a_note_of_the_go_project_verifies(void **unused)
{
    static const char note[] = NEUMANN_TEXT "\n" NEUMANN_LINE, forged[] = "I" NEUMANN_TEXT "\n" NEUMANN_LINE;
    struct note *n = malloc(sizeof *n);
    struct vkey k, stranger;

    (void)unused;
    assert_true(vkey_parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", &k));
    assert_true(vkey_parse("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8", &stranger));
    assert_true(note_parse(BYTES_TEXT(note), n));
    assert_int_equal(n->n, 1);
    assert_int_equal(n->text.len, strlen(NEUMANN_TEXT));
    assert_int_equal(note_check(n, &k, verify, NULL), NOTE_GOOD);
    assert_int_equal(note_check(n, &stranger, verify, NULL), NOTE_ABSENT);
    assert_true(note_parse(BYTES_TEXT(forged), n));
    assert_int_equal(note_check(n, &k, verify, NULL), NOTE_BAD);
    free(n);
}

static void
what_is_no_note_is_refused(void **unused)
{
    static const char *const bad[] = {
        "", "\n", "text\n", "text\n\n", "\n\n" NEUMANN_LINE, "text\n" NEUMANN_LINE, "text\n\n" NEUMANN_LINE "more\n",
        "text\n\n\xe2\x80\x94 PeterNeumann\n", "text\n\n\xe2\x80\x94  x08go/ZJkg==\n", "text\n\n\xe2\x80\x94 a x08goA\n",
        "te\txt\n\n" NEUMANN_LINE, "te\xffxt\n\n" NEUMANN_LINE, "text\n\n\xe2\x80\x94 a+b x08go/ZJkg==\n",
        "text\n\n\xe2\x80\x94 a x08goQ==\n", /* an id and no signature */
        "text\n\n- a x08go/ZJkg==\n",
    };
    char no_newline[] = NEUMANN_TEXT "\n" NEUMANN_LINE;
    struct note *n = malloc(sizeof *n);

    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(note_parse(BYTES_TEXT(bad[i]), n));
    assert_false(note_parse(BYTES(no_newline, strlen(no_newline) - 1), n));
    assert_true(note_parse(BYTES_TEXT("a\n\nb\n\n" NEUMANN_LINE), n)); /* split at the last empty line */
    assert_int_equal(n->text.len, 5);
    free(n);
}

struct signers { struct sign_key log, witness[3]; struct vkey log_vkey, vkey[3]; };

static struct signers
signers(void)
{
    struct signers s;

    for (int i = 0; i < 4; i++) {
        uint8_t seed[32] = { (uint8_t)(i + 1) };
        *(i == 3 ? &s.log : &s.witness[i]) = sign_key_from_seed(seed);
    }
    s.log_vkey = vkey_make("kontor.example/journal", NOTE_ED25519, s.log.public);
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "site-%d.example/w", i);
        s.vkey[i] = vkey_make(name, NOTE_COSIGNATURE, s.witness[i].public);
    }
    return s;
}

/* A checkpoint of size 7, signed by the log and cosigned by the first `witnesses`. */
static size_t
checkpoint_note(const struct signers *s, int witnesses, char ret[NOTE_MAX])
{
    struct checkpoint c = { .origin = "kontor.example/journal", .size = 7, .root = mth(0, 7) };
    uint8_t message[CHECKPOINT_TEXT_MAX + 64], sig[64];
    size_t text = checkpoint_text(&c, ret), used = text, len;

    ret[used++] = '\n';
    sign_make(&s->log, BYTES(ret, text), sig);
    used += note_line_write(&s->log_vkey, 0, sig, ret + used);
    for (int i = 0; i < witnesses; i++) {
        len = note_signed_bytes(NOTE_COSIGNATURE, 1700000000 + (uint64_t)i, BYTES(ret, text), message);
        sign_make(&s->witness[i], BYTES(message, len), sig);
        used += note_line_write(&s->vkey[i], 1700000000 + (uint64_t)i, sig, ret + used);
    }
    return used;
}

static void
policy_text(const struct signers *s, const char *rule, char *ret, size_t cap)
{
    char log[VKEY_TEXT_MAX], w[3][VKEY_TEXT_MAX];

    vkey_text(&s->log_vkey, log);
    for (int i = 0; i < 3; i++)
        vkey_text(&s->vkey[i], w[i]);
    snprintf(ret, cap, "# three sites\nlog %s https://kontor.example/\n\twitness a %s\nwitness b %s https://b.example/ \nwitness c %s\n%s",
             log, w[0], w[1], w[2], rule);
}

static void
a_policy_judges_a_checkpoint(void **unused)
{
    static const struct { const char *rule; int witnesses; enum quorum_says says; } rows[] = {
        { "quorum none\n", 0, QUORUM_OK }, { "quorum b\n", 1, QUORUM_SHORT }, { "quorum b\n", 2, QUORUM_OK },
        { "group g 2 a b c\nquorum g\n", 1, QUORUM_SHORT }, { "group g 2 a b c\nquorum g\n", 2, QUORUM_OK },
        { "group g all a b c\nquorum g\n", 2, QUORUM_SHORT }, { "group g all a b c\nquorum g\n", 3, QUORUM_OK },
        { "group g any a b c\nquorum g\n", 1, QUORUM_OK },
        { "group g any a b\ngroup h all g c\nquorum h\n", 2, QUORUM_SHORT }, { "group g any a b\ngroup h all g c\nquorum h\n", 3, QUORUM_OK },
    };
    struct signers s = signers();
    struct quorum *q = malloc(sizeof *q);
    struct note *n = malloc(sizeof *n);
    struct quorum_result r;
    char *text = malloc(NOTE_MAX), policy[2048];

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err_detail d = { 0 };
        policy_text(&s, rows[i].rule, policy, sizeof policy);
        assert_int_equal(quorum_parse(BYTES_TEXT(policy), q, &d), OK);
        assert_true(note_parse(BYTES(text, checkpoint_note(&s, rows[i].witnesses, text)), n));
        assert_int_equal(quorum_judge(q, n, verify, &r), rows[i].says);
        assert_int_equal(r.cosigned, rows[i].witnesses);
        assert_int_equal(r.checkpoint.size, 7);
        if (rows[i].witnesses > 1)
            assert_int_equal(r.time_s[1], 1700000001);
    }
    text[strlen("kontor.example/journal\n")] = '8'; /* another size under the same signatures */
    assert_true(note_parse(BYTES(text, checkpoint_note(&s, 1, text)), n));
    ((uint8_t *)text)[strlen("kontor.example/journal\n")] = '8';
    assert_int_equal(quorum_judge(q, n, verify, &r), QUORUM_BAD_SIGNATURE);
    free(q);
    free(n);
    free(text);
}

/* A checkpoint that all have signed: with any byte of it changed it is not one. */
static void
each_byte_of_a_checkpoint_is_signed(void **unused)
{
    struct signers s = signers();
    struct quorum *q = malloc(sizeof *q);
    struct note *n = malloc(sizeof *n);
    struct quorum_result r;
    struct err_detail d = { 0 };
    char *text = malloc(NOTE_MAX), policy[2048];
    size_t len = checkpoint_note(&s, 3, text);

    (void)unused;
    policy_text(&s, "group g all a b c\nquorum g\n", policy, sizeof policy);
    assert_int_equal(quorum_parse(BYTES_TEXT(policy), q, &d), OK);
    assert_true(note_parse(BYTES(text, len), n));
    assert_int_equal(quorum_judge(q, n, verify, &r), QUORUM_OK);
    for (size_t at = 0; at < len; at++) {
        text[at] ^= (char)(1 << at % 8);
        if (note_parse(BYTES(text, len), n) && quorum_judge(q, n, verify, &r) == QUORUM_OK)
            fail_msg("byte %zu of %zu may be another", at, len);
        text[at] ^= (char)(1 << at % 8);
    }
    free(q);
    free(n);
    free(text);
}

static void
bad_policies_are_refused_with_the_line(void **unused)
{
    static const struct { const char *rule, *says; } rows[] = {
        { "", "The policy has no quorum line." }, { "quorum d\n", "Line 6" }, { "quorum a\nquorum a\n", "Line 7" },
        { "group g 4 a b c\nquorum g\n", "Line 6" }, { "group g 0 a\nquorum g\n", "Line 6" }, { "group g any\nquorum g\n", "Line 6" },
        { "group g any a a\nquorum g\n", "Line 6" }, { "group g any a\ngroup h any a\nquorum h\n", "Line 7" },
        { "group a any b\nquorum a\n", "Line 6" }, { "group none any b\nquorum none\n", "Line 6" },
        { "group g any h\ngroup h any a\nquorum g\n", "Line 6" }, { "quorum a b\n", "Line 6" }, { "frobnicate\n", "Line 6" },
        { "quorum a", "A policy is at most" }, { "quorum a\r\n", "A policy is at most" },
        { "witness d site-0.example/w+00000000+AA==\nquorum none\n", "Line 6" },
    };
    struct signers s = signers();
    struct quorum *q = malloc(sizeof *q);
    char policy[2048];

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err_detail d = { 0 };
        policy_text(&s, rows[i].rule, policy, sizeof policy);
        assert_int_equal(quorum_parse(BYTES_TEXT(policy), q, &d), ERR_FIELD_INVALID);
        if (strncmp(d.text, rows[i].says, strlen(rows[i].says)) != 0)
            fail_msg("\"%s\" says: %s", rows[i].rule, d.text);
    }
    free(q);
}

static void
checkpoints_are_exact(void **unused)
{
    static const char *const bad[] = {
        "o\n7\n", "\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "o\n07\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "o\n-7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "o\n7\nAAAA\n", "o\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "o\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n", "o\n9223372036854775808\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    };
    struct checkpoint c;

    (void)unused;
    assert_true(checkpoint_parse(BYTES_TEXT("example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"), &c));
    assert_string_equal(c.origin, "example.com/behind-the-sofa");
    assert_int_equal(c.size, 20852163);
    assert_true(checkpoint_parse(BYTES_TEXT("o\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nmore\n"), &c));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(checkpoint_parse(BYTES_TEXT(bad[i]), &c));
}

static void
receipts_come_back(void **unused)
{
    static const char *const bad[] = {
        "c2sp.org/tlog-proof@v2\nindex 1\n\no\n", "c2sp.org/tlog-proof@v1\nindex 01\n\no\n", "c2sp.org/tlog-proof@v1\n\no\n",
        "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\no\n", "c2sp.org/tlog-proof@v1\nindex 1\n\n", "c2sp.org/tlog-proof@v1\nindex 1\n",
        "c2sp.org/tlog-proof@v1\nextra ?\nindex 1\n\no\n",
    };
    uint64_t size = 7;
    struct merkle_source from = { subtree, &size };
    struct signers s = signers();
    struct proof p;
    struct receipt r;
    struct note *n = malloc(sizeof *n);
    struct checkpoint c;
    char *text = malloc(RECEIPT_HEAD_MAX + NOTE_MAX);
    uint8_t extra[RECEIPT_EXTRA_MAX];
    size_t len, got;

    (void)unused;
    assert_int_equal(proof_inclusion(&from, 4, 7, &p), OK);
    len = receipt_head_write(4, &p, BYTES("", 0), text);
    len += checkpoint_note(&s, 2, text + len);
    assert_true(receipt_parse(BYTES(text, len), &r));
    assert_true(r.index == 4 && note_parse(r.note, n) && checkpoint_parse(n->text, &c));
    assert_true(proof_inclusion_holds(&r.path, leaves[4], r.index, c.size, c.root));
    assert_false(receipt_extra(&r, extra, &got));
    memset(extra, 0xa5, sizeof extra);
    for (size_t i = 1; i <= sizeof extra; i += i < 4 ? 1 : 340) {
        uint8_t back[RECEIPT_EXTRA_MAX];

        len = receipt_head_write(4, &p, BYTES(extra, i), text);
        len += checkpoint_note(&s, 2, text + len);
        assert_true(receipt_parse(BYTES(text, len), &r) && receipt_extra(&r, back, &got) && got == i && memcmp(back, extra, i) == 0);
        assert_true(r.index == 4 && note_parse(r.note, n));
    }
    assert_true(receipt_parse(BYTES_TEXT("c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n\no\n"), &r));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(receipt_parse(BYTES_TEXT(bad[i]), &r));
    free(n);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_leaf_of_every_tree),
        cmocka_unit_test(every_tree_of_every_larger_one),
        cmocka_unit_test(what_is_not_in_the_tree_has_no_proof),
        cmocka_unit_test(keys_of_others_are_read),
        cmocka_unit_test(a_note_of_the_go_project_verifies),
        cmocka_unit_test(what_is_no_note_is_refused),
        cmocka_unit_test(a_policy_judges_a_checkpoint),
        cmocka_unit_test(each_byte_of_a_checkpoint_is_signed),
        cmocka_unit_test(bad_policies_are_refused_with_the_line),
        cmocka_unit_test(checkpoints_are_exact),
        cmocka_unit_test(receipts_come_back),
    };

    make_leaves();
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
