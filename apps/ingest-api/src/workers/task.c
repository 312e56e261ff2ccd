/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/task.h"

#include "base/log.h"
#include "base/uuid.h"

#include <stdarg.h>
#include <stdio.h>

int task_failed(struct task *task, enum task_result result, const char *format, ...)
{
    va_list args;

    task->result = result;
    va_start(args, format);
    (void)vsnprintf(task->error, sizeof(task->error), format, args);
    va_end(args);
    return DB_OK;
}

const char *task_uuid(struct task *task, const char *key)
{
    unsigned char uuid[16];
    const char *text = json_string_value(json_object_get(task->payload, key));

    if (uuid_parse(text, uuid))
        return text;
    (void)task_failed(task, TASK_DEAD, "the payload has no id \"%s\"", key);
    return NULL;
}

void task_log(const struct task *task, const char *message)
{
    log_warn(message, "s:component", "worker", "s:reqId", task->job->request_id, "s:jobId", task->job->id, "s:queue",
             queue_names[task->job->queue], "s:organisation", task->job->organisation_id, "i:attempt",
             (int64_t)task->job->attempt, "s:error", task->error);
}
