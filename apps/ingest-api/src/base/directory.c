/* SPDX-License-Identifier: Apache-2.0 */
#include "base/directory.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int directory_make(const char *path, unsigned mode)
{
    char part[600];
    size_t n = strlen(path);
    if (n == 0 || n + sizeof("/.") > sizeof(part)) {
        errno = n == 0 ? ENOENT : ENAMETOOLONG;
        return -1;
    }
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, (mode_t)mode) < 0 && errno != EEXIST && errno != EROFS)
            return -1;
    }
    memcpy(part + n, "/.", sizeof("/.")); /* with "/.", a writable file is refused as "Not a directory" */
    return access(part, W_OK | X_OK);
}
