/* base/address.h: which internet addresses are somebody's in the open internet, and not this machine's, a private network's, or
 * another's that is not for everybody (IANA's registries of special-purpose addresses, RFC 6890). */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

bool address_is_public(const struct sockaddr *address);

#endif
