/* SPDX-License-Identifier: Apache-2.0
 * port: the door of a bus: a folder of the user's own, a socket in it, packets with descriptors.
 * Knows the peer's user, nothing of what it says. */
#ifndef MMSB_BUS_PORT_H
#define MMSB_BUS_PORT_H
#include "../core/base.h"

#define PORT_NAME_MAX 64u
#define PORT_FDS_MAX 8u

/* XDG_RUNTIME_DIR/mmsb, else /tmp/mmsb-UID; made with mode 0700 where it is not there and `make`.
 * Refused (MMSB_IO with words): a symbolic link, another owner, open to others. */
mmsb_status port_folder(bool make, int *fd, message *m);
typedef struct {
    int socket, lock, folder;
    char name[PORT_NAME_MAX + 8];
} port;
/* Listens under `name`: letters, digits, `._-`, not first a dot, at most PORT_NAME_MAX. MMSB_BUSY:
 * another process serves it. What a dead one left is replaced. */
mmsb_status port_listen(const char *name, port *out, message *m);
void port_close(port *p);
/* The next connection, or -1: none, or one of another user, which is closed. *error: errno of a
 * failed accept, else 0. */
int port_accept(const port *p, int *error);
/* Connects; the engine must be the same user's. MMSB_ABSENT: nothing is served under that name. */
mmsb_status port_connect(const char *name, int *fd, message *m);
/* One packet, never waiting; false where it did not go out whole. */
bool port_send(int fd, const void *from, u64 bytes, const int *fds, u32 count);
/* One packet, waiting up to timeout_ms for it (0: not at all). Returns its bytes, 0: hang-up, -1:
 * none came, -2: longer than `bytes`. Descriptors beyond `most` are closed; *count of them came. */
i64 port_receive(int fd, int timeout_ms, void *to, u64 bytes, int *fds, u32 most, u32 *count);
#endif
