/* tests/threads/planted.c
 * Two threads write one variable without a lock: tests/threads/run is told so, or its silence about others means nothing. */
#include <pthread.h>
#include <stddef.h>

static int shared;

static void *
write_it(void *closure)
{
    for (int i = 0; i < 1000; i++)
        shared += closure != NULL;
    return NULL;
}

int
main(void)
{
    pthread_t one, two;

    if (pthread_create(&one, NULL, write_it, &shared) != 0 || pthread_create(&two, NULL, write_it, &shared) != 0)
        return 1;
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return 0;
}
