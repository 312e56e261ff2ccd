/* SPDX-License-Identifier: Apache-2.0 */
/** @file promc-http/method.h The methods of requests, as label values. */
#ifndef PROMC_HTTP_METHOD_H
#define PROMC_HTTP_METHOD_H

#include <promc/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Known methods; any other verb is counted as OTHER. */
enum promc_http_method {
    PROMC_HTTP_OTHER,
    PROMC_HTTP_GET,
    PROMC_HTTP_HEAD,
    PROMC_HTTP_POST,
    PROMC_HTTP_PUT,
    PROMC_HTTP_PATCH,
    PROMC_HTTP_DELETE,
    PROMC_HTTP_OPTIONS,
    PROMC_HTTP_CONNECT,
    PROMC_HTTP_TRACE,
    PROMC_HTTP_METHODS
};

/** Case-sensitive, as RFC 9110 requires. NULL is OTHER. */
PROMC_API enum promc_http_method promc_http_method_of(const char *verb);
/** The label value, e.g. `GET`. Never NULL. */
PROMC_API const char *promc_http_method_name(enum promc_http_method method);

#ifdef __cplusplus
}
#endif
#endif
