/* SPDX-License-Identifier: Apache-2.0 */
#include "base/host_name.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Is it a name of the Internet, and not "build7" or "localhost.localdomain"? */
static bool is_qualified(const char *name)
{
    const char *dot = strchr(name, '.');
    size_t n = strlen(name);

    return dot && dot > name && dot[1] && n < HOST_NAME_SIZE && strncmp(name, "localhost", 9) != 0 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == n;
}

static bool find_name(char out[HOST_NAME_SIZE])
{
    const struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    if (gethostname(out, HOST_NAME_SIZE) != 0)
        return false;
    out[HOST_NAME_SIZE - 1] = '\0';
    if (is_qualified(out))
        return true;
    bool good = getaddrinfo(out, NULL, &hints, &found) == 0 && found->ai_canonname && is_qualified(found->ai_canonname);
    if (good)
        (void)snprintf(out, HOST_NAME_SIZE, "%s", found->ai_canonname);
    if (found)
        freeaddrinfo(found);
    return good;
}

/* Find the first address of this family on an external interface. */
static bool find_literal(const struct ifaddrs *all, int family, char out[HOST_NAME_SIZE])
{
    char text[INET6_ADDRSTRLEN];

    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        const struct sockaddr_in6 *six = (const void *)i->ifa_addr;
        if (!i->ifa_addr || i->ifa_addr->sa_family != family || i->ifa_flags & IFF_LOOPBACK ||
            (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr)))
            continue;
        const void *address = family == AF_INET
                                  ? (const void *)&((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr
                                  : (const void *)&six->sin6_addr;
        if (!inet_ntop(family, address, text, sizeof(text)))
            continue;
        (void)snprintf(out, HOST_NAME_SIZE, "[%s%s]", family == AF_INET ? "" : "IPv6:", text);
        return true;
    }
    return false;
}

void host_name(char out[HOST_NAME_SIZE])
{
    struct ifaddrs *all = NULL;

    if (find_name(out))
        return;
    if (getifaddrs(&all) != 0)
        all = NULL;
    if (!find_literal(all, AF_INET, out) && !find_literal(all, AF_INET6, out))
        (void)snprintf(out, HOST_NAME_SIZE, "[127.0.0.1]");
    if (all)
        freeifaddrs(all);
}
