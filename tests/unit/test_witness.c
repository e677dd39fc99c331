/* tests/unit/test_witness.c: what a witness cosigns, and what it refuses. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/witness.h"
#include "crypto/sign.h"

enum { LEAVES = 40 };
#define ORIGIN "kontor.example/test"

static bool
verify(const uint8_t public[32], struct bytes message, const uint8_t sig[64])
{
    return sign_verify(public, message, sig) == OK;
}

/* A log whose first leaf is `first`. */
struct log { struct hash leaf[LEAVES]; };

static struct log
log_of(uint8_t first)
{
    struct log l;

    for (int i = 0; i < LEAVES; i++) {
        const uint8_t leaf[2] = { 0, i ? (uint8_t)i : first };

        l.leaf[i] = sha256(BYTES(leaf, sizeof leaf));
    }
    return l;
}

static enum err
subtree(void *ctx, unsigned level, uint64_t n, struct hash *ret)
{
    const struct log *l = ctx;
    struct merkle m = { .size = 0 };

    for (uint64_t i = n << level; i < (n + 1) << level; i++)
        merkle_append(&m, l->leaf[i]);
    *ret = merkle_root(&m);
    return OK;
}

static struct hash
root_of(struct log *l, uint64_t size)
{
    struct hash root;

    assert_int_equal(merkle_root_at(&(struct merkle_source){ subtree, l }, size, &root), OK);
    return root;
}

static struct note *
note_of(struct log *l, uint64_t size, const struct sign_key *key, const char *origin, char *text)
{
    struct checkpoint c = { .size = size, .root = root_of(l, size) };
    struct vkey name = vkey_make(origin, NOTE_ED25519, key->public);
    struct note *n = calloc(1, sizeof *n);
    uint8_t sig[SIGN_LEN];
    size_t len;

    snprintf(c.origin, sizeof c.origin, "%s", origin);
    len = checkpoint_text(&c, text);
    sign_make(key, BYTES(text, len), sig);
    text[len++] = '\n';
    len += note_line_write(&name, 0, sig, text + len);
    assert_true(note_parse(BYTES(text, len), n));
    return n;
}

static const struct {
    const char *why;
    uint64_t last, old, size;
    uint8_t first;
    bool other_key, other_origin, broken_proof;
    enum witness_says says;
} rows[] = {
    { "the first one", 0, 0, 7, 0, false, false, false, WITNESS_COSIGN },
    { "one more", 7, 7, 8, 0, false, false, false, WITNESS_COSIGN },
    { "many more", 7, 7, 40, 0, false, false, false, WITNESS_COSIGN },
    { "from a power of two", 16, 16, 33, 0, false, false, false, WITNESS_COSIGN },
    { "the same", 7, 7, 7, 0, false, false, false, WITNESS_SAME },
    { "a proof from elsewhere", 7, 6, 9, 0, false, false, false, WITNESS_OTHER_PROOF },
    { "smaller", 7, 7, 6, 0, false, false, false, WITNESS_SMALLER },
    { "empty", 7, 7, 0, 0, false, false, false, WITNESS_SMALLER },
    { "as many, but others", 7, 7, 7, 9, false, false, false, WITNESS_OTHER_ROOT },
    { "more, but others", 7, 7, 20, 9, false, false, false, WITNESS_INCONSISTENT },
    { "a proof that proves nothing", 7, 7, 20, 0, false, false, true, WITNESS_INCONSISTENT },
    { "another key: not held against the log", 7, 7, 6, 0, true, false, false, WITNESS_UNSIGNED },
    { "another key, growing", 7, 7, 8, 0, true, false, false, WITNESS_UNSIGNED },
    { "another log", 7, 7, 8, 0, false, true, false, WITNESS_OTHER_LOG },
};

static void
test_judging(void **state)
{
    struct sign_key own = sign_key_from_seed((const uint8_t[32]){ 1 }), other = sign_key_from_seed((const uint8_t[32]){ 2 });
    struct vkey log = vkey_make(ORIGIN, NOTE_ED25519, own.public);
    struct log right = log_of(0);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct log shown = log_of(rows[i].first);
        struct witnessed last = { rows[i].last, root_of(&right, rows[i].last) };
        struct proof proof = { .n = 0 };
        struct checkpoint c = { .size = 99 };
        char text[CHECKPOINT_TEXT_MAX + NOTE_LINE_MAX + 1];
        struct note *n = note_of(&shown, rows[i].size, rows[i].other_key ? &other : &own, rows[i].other_origin ? "another.example" : ORIGIN, text);
        enum witness_says says;

        if (rows[i].old > 0 && rows[i].old < rows[i].size)
            assert_int_equal(proof_consistency(&(struct merkle_source){ subtree, &shown }, rows[i].old, rows[i].size, &proof), OK);
        if (rows[i].broken_proof)
            proof.path[0].b[0] ^= 1;
        says = witness_judge(&last, &log, n, rows[i].old, &proof, verify, &c);
        if (says != rows[i].says)
            fail_msg("%s: %s, not %s", rows[i].why, witness_name(says), witness_name(rows[i].says));
        assert_int_equal(c.size, says == WITNESS_UNSIGNED || says == WITNESS_OTHER_LOG ? 99 : rows[i].size);
        free(n);
    }
}

static void
test_names(void **state)
{
    enum witness_says says;

    (void)state;
    for (enum witness_says s = WITNESS_COSIGN; s <= WITNESS_INCONSISTENT; s++) {
        assert_int_equal(witness_fork_from_name(witness_name(s), &says), witness_is_fork(s));
        if (witness_is_fork(s))
            assert_int_equal(says, s);
        assert_true(strlen(witness_sentence(s)) > 10);
    }
    assert_false(witness_fork_from_name("", &says));
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_judging), cmocka_unit_test(test_names) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
