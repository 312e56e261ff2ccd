/* SPDX-License-Identifier: Apache-2.0 */
#include <promc-http/request.h>
#include <string.h>

static const char *const names[PROMC_HTTP_METHODS] = {
    [PROMC_HTTP_OTHER] = "OTHER",   [PROMC_HTTP_GET] = "GET",         [PROMC_HTTP_HEAD] = "HEAD",
    [PROMC_HTTP_POST] = "POST",     [PROMC_HTTP_PUT] = "PUT",         [PROMC_HTTP_PATCH] = "PATCH",
    [PROMC_HTTP_DELETE] = "DELETE", [PROMC_HTTP_OPTIONS] = "OPTIONS", [PROMC_HTTP_CONNECT] = "CONNECT",
    [PROMC_HTTP_TRACE] = "TRACE",
};

enum promc_http_method promc_http_method_of(const char *verb)
{
    for (int i = PROMC_HTTP_OTHER + 1; verb && i < PROMC_HTTP_METHODS; i++)
        if (strcmp(verb, names[i]) == 0)
            return (enum promc_http_method)i;
    return PROMC_HTTP_OTHER;
}

const char *promc_http_method_name(enum promc_http_method method)
{
    return (unsigned)method < PROMC_HTTP_METHODS ? names[method] : names[PROMC_HTTP_OTHER];
}
