/* SPDX-License-Identifier: Apache-2.0
 * A program that holds its graph: the text of mmsbc --emit=c linked with libmmsb. Prints the root
 * after five ticks, and which executor ran. */
#include <stdio.h>

#include "session.h"

extern const mmsb_graph mmsb_compiled;

int main(void) {
    image i;
    message m = {.used = 0};
    session *s = NULL;
    u64 done;
    session_options o = {.native = mmsb_compiled.native};
    mmsb_status status = image_verify(mmsb_compiled.image, mmsb_compiled.image_bytes, &i, &m);
    if (status == MMSB_OK) status = session_open(&i, &o, &s, &m);
    if (status == MMSB_OK) status = session_ticks(s, 5, NULL, NULL, NULL, &done, &m);
    if (status == MMSB_OK)
        printf("epoch %llu root 0x%016llx\n%s\n", (unsigned long long)done,
               (unsigned long long)engine_root(session_engine(s)), session_executor_text(s));
    else
        fprintf(stderr, "%s\n", m.text);
    if (s != NULL) session_close(s, NULL);
    return status_exit(status);
}
