/* SPDX-License-Identifier: Apache-2.0 */
/* Loads all plugins named in the arguments, and lets each count, also on a thread of its own. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static void *on_a_thread(void *count)
{
    ((double (*)(void))count)();
    return NULL;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        void *plugin = dlopen(argv[i], RTLD_NOW | RTLD_GLOBAL);
        void *count = plugin ? dlsym(plugin, "plugin_count") : NULL;
        pthread_t thread;
        if (!count) {
            fprintf(stderr, "host: %s\n", dlerror());
            return 1;
        }
        if (pthread_create(&thread, NULL, on_a_thread, count) != 0 || pthread_join(thread, NULL) != 0)
            return 1;
        double counted = ((double (*)(void))count)();
        if (counted !=
            2) { /* each plugin has its own copy of promc, although their symbols are visible to each other */
            fprintf(stderr, "host: %s counted %g\n", argv[i], counted);
            return 1;
        }
    }
    return 0;
}
