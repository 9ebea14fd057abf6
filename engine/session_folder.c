/* SPDX-License-Identifier: Apache-2.0
 * session_folder: what a state directory holds, its lock, its copy of the graph. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "session_state.h"

/* Its own name, and those in it: a process that was killed may have made them and not synced. What
 * this one syncs in them would be lost with them. */
static mmsb_status names_sync(session *s, message *m) {
    file_calls *f = s->files;
    ASSERT(s->folder >= 0);
    int synced = f->sync(f, s->folder);
    int outside = synced == 0 ? f->open_at(f, s->folder, "..", O_RDONLY | O_DIRECTORY, 0) : -1;
    if (outside >= 0) {
        synced = f->sync(f, outside);
        f->close(f, outside);
        /* Another file system maybe, which syncs no folders. */
        if (synced == -EINVAL || synced == -ENOSYS || synced == -EOPNOTSUPP) synced = 0;
    } else if (synced == 0 && outside != -EACCES && outside != -EPERM) { /* not ours to read */
        synced = outside;
    }
    return synced < 0 ? file_failed(m, "sync the folder of", s->o.state, synced) : MMSB_OK;
}

mmsb_status folder_open(session *s, bool write, message *m) {
    ASSERT(s->folder < 0);
    ASSERT(s->lock < 0);
    file_calls *f = s->files;
    if (write) {
        int made = f->make_folder_at(f, AT_FDCWD, s->o.state, 0777);
        if (made < 0 && made != -EEXIST) return file_failed(m, "make the folder", s->o.state, made);
    }
    s->folder = f->open_at(f, AT_FDCWD, s->o.state, O_RDONLY | O_DIRECTORY, 0);
    if (s->folder < 0) return file_failed(m, "open the state directory", s->o.state, s->folder);
    if (!write) return MMSB_OK;
    s->lock = f->open_at(f, s->folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0666);
    if (s->lock < 0) return file_failed(m, "open the lock of", s->o.state, s->lock);
    int locked = f->lock(f, s->lock);
    if (locked == -EAGAIN)
        return message_set(m, MMSB_BUSY,
                           "%s is in use by another process: a state directory has one writer",
                           s->o.state);
    return locked < 0 ? file_failed(m, "lock", s->o.state, locked) : names_sync(s, m);
}

void folder_close(session *s) {
    if (s->lock >= 0 && s->files->unlock != NULL) s->files->unlock(s->files, s->lock);
    if (s->lock >= 0) s->files->close(s->files, s->lock);
    if (s->folder >= 0) s->files->close(s->files, s->folder);
    s->lock = s->folder = -1;
}

/* The number behind a prefix, written as we write it. */
static bool number_after(const char *name, const char *prefix, u64 *number) {
    ASSERT(prefix[0] != 0);
    size_t bytes = strlen(prefix);
    char again[64], *end;
    if (strncmp(name, prefix, bytes) != 0 || name[bytes] < '0' || name[bytes] > '9') return false;
    *number = strtoull(name + bytes, &end, 10);
    snprintf(again, sizeof again, "%s%llu", prefix, (unsigned long long)*number);
    return strcmp(again, name) == 0;
}

static void folder_visit(void *context, const char *name) {
    ASSERT(((folder_list *)context)->memory != NULL);
    folder_list *l = context;
    u64 number;
    if (number_after(name, "checkpoint-", &number)) {
        if (!arena_grow(l->memory, (void **)&l->checkpoints, &l->checkpoint_capacity,
                        l->checkpoint_count + 1, sizeof(u64))) {
            l->short_memory = true;
            return;
        }
        u32 k = l->checkpoint_count++;
        for (; k > 0 && l->checkpoints[k - 1] > number; k--)
            l->checkpoints[k] = l->checkpoints[k - 1];
        l->checkpoints[k] = number;
        ASSERT(k == 0 || l->checkpoints[k - 1] <= number);
    } else if (number_after(name, "log-", &number)) {
        l->segment_last = u64_max(l->segment_last, number);
        l->segment_count++;
    } else if (strcmp(name, "graph.mmsbx") == 0) {
        l->graph = true;
    } else if (strcmp(name, "lock") != 0 && strncmp(name, "kernel-", 7) != 0 &&
               strstr(name, ".new") == NULL && !l->foreign) {
        l->foreign = true;
        snprintf(l->foreign_name, sizeof l->foreign_name, "%s", name);
    }
}

mmsb_status folder_read(session *s, folder_list *l, message *m) {
    ASSERT(s->folder >= 0);
    int listed = s->files->list(s->files, s->folder, folder_visit, l);
    if (listed < 0) return file_failed(m, "list", s->o.state, listed);
    if (l->short_memory) return message_set(m, MMSB_OUT_OF_SPACE, "too many checkpoints");
    if (l->foreign && l->checkpoint_count == 0 && l->segment_last == 0 && !l->graph)
        return message_set(
            m, MMSB_WRONG,
            "%s holds %s, which is not of a state directory: name an empty or new one", s->o.state,
            l->foreign_name);
    return MMSB_OK;
}

/* Whether a process that was killed left it: what file_replace and the log write beside. */
static bool is_leftover(const char *name) {
    static const char *const prefixes[] = {"checkpoint-", "kernel-", "graph.mmsbx.new-"};
    static const char hex[] = "0123456789abcdef";
    const char *beside = strstr(name, ".new");
    bool ours = false;
    ASSERT(name[0] != 0);
    if (beside == NULL) return false;
    if (strncmp(name, "log-", 4) == 0)
        return beside > name + 4 && strspn(name + 4, "0123456789") == (size_t)(beside - name) - 4 &&
               strcmp(beside, ".new") == 0;
    for (u32 k = 0; k < ARRAY_COUNT(prefixes); k++)
        ours = ours || strncmp(name, prefixes[k], strlen(prefixes[k])) == 0;
    return ours && beside[4] == '-' && strlen(beside) == 5 + 16 && strspn(beside + 5, hex) == 16;
}

static void leftover_visit(void *context, const char *name) {
    session *s = context;
    ASSERT(s->lock >= 0);
    if (is_leftover(name)) s->files->unlink_at(s->files, s->folder, name);
}

void folder_clean(session *s) {
    ASSERT(s->lock >= 0); /* nobody else is writing them */
    s->files->list(s->files, s->folder, leftover_visit, s);
}

mmsb_status folder_graph_check(session *s, message *m) {
    ASSERT(s->folder >= 0);
    const void *bytes;
    u64 count;
    TRY(file_map(s->files, s->folder, "graph.mmsbx", &bytes, &count, m));
    bool same = count == s->i->byte_count && memcmp(bytes, s->i->bytes, count) == 0;
    mmsb_status status = MMSB_OK;
    if (!same) {
        image other;
        status = image_verify(bytes, count, &other, m);
        if (status == MMSB_OK)
            status = message_set(
                m, MMSB_WRONG,
                "%s was made with another image (its graph.mmsbx has digest "
                "0x%016llx, this one 0x%016llx): run that one, use a new directory, or carry its "
                "state over with --migrate",
                s->o.state, (unsigned long long)other.head->digest,
                (unsigned long long)s->i->head->digest);
    }
    file_unmap(bytes, count);
    return status;
}
