/* SPDX-License-Identifier: Apache-2.0 */
#include "base/idn.h"

#include <idn2.h>
#include <string.h>

size_t idn_to_ascii(const char *domain, size_t length, char out[IDN_MAX])
{
    char text[4 * IDN_MAX];
    uint8_t *ascii = NULL;
    size_t n = 0;

    if (length == 0 || length >= sizeof(text) || memchr(domain, '\0', length))
        return 0;
    memcpy(text, domain, length);
    text[length] = '\0';
    if (idn2_lookup_u8((const uint8_t *)text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK)
        n = strlen((const char *)ascii);
    if (n >= IDN_MAX)
        n = 0;
    if (n > 0)
        memcpy(out, ascii, n + 1);
    idn2_free(ascii);
    return n;
}
