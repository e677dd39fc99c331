/* crypto/recovery.c */
#include "crypto/recovery.h"

#include "crypto/random.h"

static const char DIGITS[] = "0123456789abcdefghjkmnpqrstvwxyz";
enum { SYMBOLS = 16 };

void
recovery_make(char ret[RECOVERY_TEXT])
{
    uint8_t random[SYMBOLS];
    char *at = ret;

    random_bytes(random, sizeof random);
    for (size_t i = 0; i < SYMBOLS; i++) {
        if (i && i % 4 == 0)
            *at++ = '-';
        *at++ = DIGITS[random[i] & 31];
    }
    *at = '\0';
    random_wipe(random, sizeof random);
}

static char
plain(char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c - 'A' + 'a');
    return c == 'o' ? '0' : c == 'i' || c == 'l' ? '1' : c;
}

bool
recovery_hash(const char *typed, struct uuid person, struct hash *ret)
{
    char text[SYMBOLS];
    size_t n = 0;

    for (; *typed; typed++) {
        char c = plain(*typed);

        if (c == '-' || c == ' ')
            continue;
        if (n == SYMBOLS || !strchr(DIGITS, c))
            return false;
        text[n++] = c;
    }
    if (n != SYMBOLS)
        return false;
    *ret = sha256_of((const struct bytes[]){ BYTES_TEXT("kontor-recovery/v1"), BYTES(person.b, sizeof person.b), BYTES(text, n) }, 3);
    random_wipe(text, sizeof text);
    return true;
}
