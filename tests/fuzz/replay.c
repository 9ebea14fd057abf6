/* SPDX-License-Identifier: Apache-2.0
 * replay: feeds files, and the files of folders, to a target. For compilers without libFuzzer. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static unsigned fed;

static int feed_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) return perror(path), 1;
    long bytes = ftell(f);
    rewind(f);
    u8 *data = malloc(bytes > 0 ? (size_t)bytes : 1);
    if (data == NULL || fread(data, 1, (size_t)bytes, f) != (size_t)bytes) return perror(path), 1;
    fclose(f);
    if (getenv("REPLAY_NAMES") != NULL) fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(data, (size_t)bytes);
    free(data);
    fed++;
    return 0;
}

static int feed(const char *path) {
    DIR *folder = opendir(path);
    int failed = 0;
    if (folder == NULL) return feed_file(path);
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        char inner[4096];
        if (e->d_name[0] == '.') continue;
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        failed |= feed_file(inner);
    }
    closedir(folder);
    return failed;
}

size_t LLVMFuzzerMutate(u8 *data, size_t bytes, size_t most) {
    (void)data, (void)most;
    return bytes;
}

int main(int count, char **a) {
    int failed = 0;
    for (int k = 1; k < count; k++) failed |= feed(a[k]);
    printf("%u inputs\n", fed);
    return failed != 0 || fed == 0;
}
