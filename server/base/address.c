/* base/address.c */
#include "base/address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct block { uint32_t first; int bits; };

static bool
public_v4(uint32_t a)
{
    static const struct block OTHERS[] = {
        { 0x00000000, 8 },  /* this network */
        { 0x0a000000, 8 },  /* private */
        { 0x64400000, 10 }, /* shared by a provider's customers */
        { 0x7f000000, 8 },  /* loopback */
        { 0xa9fe0000, 16 }, /* link-local, where clouds have their metadata */
        { 0xac100000, 12 }, /* private */
        { 0xc0000000, 24 }, /* protocol assignments */
        { 0xc0000200, 24 }, /* documentation */
        { 0xc0586300, 24 }, /* 6to4 relays */
        { 0xc0a80000, 16 }, /* private */
        { 0xc6120000, 15 }, /* benchmarks */
        { 0xc6336400, 24 }, /* documentation */
        { 0xcb007100, 24 }, /* documentation */
        { 0xe0000000, 3 },  /* multicast, reserved, broadcast */
    };

    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++)
        if ((a ^ OTHERS[i].first) >> (32 - OTHERS[i].bits) == 0)
            return false;
    return true;
}

/* Global unicast (2000::/3) but for what only looks so: documentation, tunnels that name another address (Teredo, 6to4). */
static bool
public_v6(const uint8_t a[16])
{
    static const uint8_t MAPPED[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    if (memcmp(a, MAPPED, sizeof MAPPED) == 0)
        return public_v4((uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 | (uint32_t)a[14] << 8 | a[15]);
    if (a[0] >> 5 != 1)
        return false;
    if (a[0] == 0x20 && a[1] == 0x01 && (a[2] < 2 || (a[2] == 0x0d && a[3] == 0xb8))) /* 2001::/23, 2001:db8::/32 */
        return false;
    if (a[0] == 0x20 && a[1] == 0x02)
        return false;
    return !(a[0] == 0x3f && a[1] == 0xff && a[2] < 0x10); /* 3fff::/20, documentation */
}

bool
address_is_public(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        return public_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        return public_v6(v6.sin6_addr.s6_addr);
    }
    return false;
}
