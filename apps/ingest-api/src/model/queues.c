/* SPDX-License-Identifier: Apache-2.0 */
#include "model/queues.h"

const char *const queue_names[QUEUES] = {"prospect.validate", "prospect.research", "draft.generate", "email.send"};
