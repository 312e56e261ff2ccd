/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/email_retry.h"

#include "base/settings.h"

int64_t email_retry_wait(const struct settings *settings, int64_t attempts)
{
    int64_t wait = settings->mail_retry_min_s, max = settings->mail_retry_max_s;

    while (--attempts > 0 && wait < max)
        wait *= 2;
    return (wait < max ? wait : max) * 1000;
}

bool email_retry_over(const struct settings *settings, int64_t attempts)
{
    int64_t waited = 0, enough = (int64_t)settings->mail_retry_for_s * 1000;

    for (int64_t i = 1; i < attempts && waited < enough; i++)
        waited += email_retry_wait(settings, i);
    return waited >= enough;
}
