/* SPDX-License-Identifier: Apache-2.0
 * native_cache: compiled objects kept under XDG_CACHE_HOME (or ~/.cache), in a folder of mode 0700.
 * A file is used only where our folder and it are the user's own, nobody else may write them,
 * neither is a link, and its digest and key hold. What is loaded is a sealed copy. */
#include "native.h"

#include "core/file.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define OBJECT_MOST ((u64)64 << 20)

/* Behind the object's bytes. */
typedef struct {
    u8 magic[8];
    native_key key, digest;
} trailer;
static const u8 trailer_magic[8] = "MMSBSO1\n";

native_key native_key_of(const native_compiler *c, const char *text, u64 bytes) {
    XXH3_state_t *s = XXH3_createState();
    native_key key = {0, 0};
    ASSERT(c->word_count != 0);
    if (s == NULL) return key;
    XXH3_128bits_reset(s);
    XXH3_128bits_update(s, MMSB_VERSION, sizeof MMSB_VERSION);
    XXH3_128bits_update(s, c->version, strlen(c->version) + 1);
    for (u32 k = 0; k < c->word_count; k++)
        XXH3_128bits_update(s, c->word[k], strlen(c->word[k]) + 1);
    XXH3_128bits_update(s, text, bytes);
    XXH128_hash_t hash = XXH3_128bits_digest(s);
    XXH3_freeState(s);
    return (native_key){hash.low64, hash.high64};
}

static native_key digest_of(const void *bytes, u64 count) {
    XXH128_hash_t hash = XXH3_128bits(bytes, count);
    return (native_key){hash.low64, hash.high64};
}

static bool keys_equal(native_key a, native_key b) { return a.low == b.low && a.high == b.high; }

/* The folder that holds ours: an absolute path, or "". */
static void place_find(char to[4000]) {
    const char *named = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
    to[0] = 0;
    if (named != NULL && named[0] == '/' && strlen(named) < 3900)
        snprintf(to, 4000, "%s", named);
    else if (home != NULL && home[0] == '/' && strlen(home) < 3900)
        snprintf(to, 4000, "%s/.cache", home);
    ASSERT(to[0] == 0 || to[0] == '/');
}

int native_cache_open(bool make, message *m) {
    char place[4000];
    struct stat s;
    place_find(place);
    if (place[0] == 0) {
        message_set(m, MMSB_IO, "neither XDG_CACHE_HOME nor HOME names a folder");
        return -1;
    }
    if (make) mkdir(place, 0700);
    int above = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above >= 0 && make) mkdirat(above, "mmsb", 0700);
    int fd =
        above < 0 ? -1 : openat(above, "mmsb", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int error = errno;
    if (above >= 0) close(above);
    if (fd < 0) {
        if (make || error != ENOENT)
            message_set(m, MMSB_IO, "%s/mmsb is no folder to use: %s", place,
                        error == ENOTDIR || error == ELOOP ? "a link, or no folder"
                                                           : strerror(error));
        return -1;
    }
    if (fstat(fd, &s) == 0 && s.st_uid == geteuid() && (s.st_mode & 077) == 0) return fd;
    close(fd);
    message_set(m, MMSB_IO, "%s/mmsb must be yours and of mode 0700", place);
    return -1;
}

static void name_of(native_key key, char to[48]) {
    snprintf(to, 48, "%016llx%016llx.so", (unsigned long long)key.high,
             (unsigned long long)key.low);
}

/* NULL, or what is wrong with a file of the cache. */
static const char *file_wrong(int fd, u64 *bytes) {
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode)) return "is no regular file";
    if (s.st_uid != geteuid()) return "is another user's";
    if ((s.st_mode & 022) != 0) return "may be written by others";
    if ((u64)s.st_size <= sizeof(trailer) || (u64)s.st_size > OBJECT_MOST) return "is damaged";
    ASSERT(s.st_size > 0);
    *bytes = (u64)s.st_size;
    return NULL;
}

void *native_cache_read(int folder, native_key key, arena *a, u64 *bytes, message *m) {
    char name[48];
    u64 count = 0;
    trailer t;
    u8 *object = NULL;
    ASSERT(folder >= 0);
    name_of(key, name);
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) return NULL;
    const char *wrong = fd < 0 ? "cannot be opened" : file_wrong(fd, &count);
    if (wrong == NULL) object = arena_take(a, count, 64);
    if (wrong == NULL && (object == NULL || file_read_all(file_system(), fd, object, count, 0, name,
                                                          NULL) != MMSB_OK))
        wrong = "cannot be read";
    if (wrong == NULL) {
        *bytes = count - sizeof t;
        memcpy(&t, object + *bytes, sizeof t);
        if (memcmp(t.magic, trailer_magic, sizeof t.magic) != 0 || !keys_equal(t.key, key) ||
            !keys_equal(t.digest, digest_of(object, *bytes)))
            wrong = "is damaged";
    }
    if (fd >= 0) close(fd);
    if (wrong == NULL) return object;
    message_set(m, MMSB_DAMAGED, "the cached %s %s", name, wrong);
    return NULL;
}

void native_cache_write(int folder, native_key key, const void *object, u64 bytes) {
    char name[48];
    trailer t = {.key = key, .digest = digest_of(object, bytes)};
    const file_part parts[2] = {{object, bytes}, {&t, sizeof t}};
    ASSERT(folder >= 0 && bytes != 0);
    memcpy(t.magic, trailer_magic, sizeof t.magic);
    name_of(key, name);
    /* What stands there and cannot be trusted goes first, a folder too. */
    if (unlinkat(folder, name, 0) != 0 && errno == EISDIR) unlinkat(folder, name, AT_REMOVEDIR);
    file_replace_parts(file_system(), folder, name, parts, 2, NULL);
    /* Open to others it would not be trusted. */
    if (fchmodat(folder, name, 0600, 0) != 0) unlinkat(folder, name, 0);
}

mmsb_status native_load(const void *object, u64 bytes, void **library, int *fd,
                        const native_table **t, message *m) {
    char path[64];
    ASSERT(*library == NULL);
    *fd = memfd_create("mmsb-native", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0) return message_set(m, MMSB_ABSENT, "no memory file for native code");
    TRY(file_write_all(file_system(), *fd, object, bytes, 0, "native code", m));
    fcntl(*fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    snprintf(path, sizeof path, "/proc/self/fd/%d", *fd);
    *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const char *why = *library == NULL ? dlerror() : NULL;
    *t = *library == NULL ? NULL : dlsym(*library, "mmsb_native");
    if (*t != NULL) return MMSB_OK;
    return message_set(m, MMSB_ABSENT, "native code cannot be loaded: %s",
                       why != NULL ? why : "it has no table");
}
