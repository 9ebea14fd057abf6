/* SPDX-License-Identifier: Apache-2.0
 * nearest: names by distance; see nearest.h. */
#include "nearest.h"

/* Damerau distance (adjacent swaps count one), cut at 3. Names up to 63 bytes. */
static u32 distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    u32 rows[3][64];
    if (n > 63 || m > 63 || (n > m ? n - m : m - n) > 2) return 3;
    for (u32 j = 0; j <= m; j++) rows[0][j] = j;
    for (u32 i = 1; i <= n; i++) {
        u32 *now = rows[i % 3], *before = rows[(i + 2) % 3], *two = rows[(i + 1) % 3];
        now[0] = i;
        for (u32 j = 1; j <= m; j++) {
            u32 best = before[j - 1] + (a[i - 1] != b[j - 1]);
            best = before[j] + 1 < best ? before[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && two[j - 2] + 1 < best) best = two[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[n % 3][m];
}

void nearest_try(nearest_search *s, const char *name) {
    ASSERT(s->wanted != NULL && name != NULL);
    u32 d = distance(s->wanted, name);
    size_t length = strlen(s->wanted);
    if (d == 0 || d > 2 || d > length / 3 + 1 || d >= length) return;
    if (s->best == NULL || d < s->least)
        s->best = name, s->least = d, s->several = false;
    else if (d == s->least && strcmp(s->best, name) != 0)
        s->several = true;
}

bool nearest_certain(const nearest_search *s) {
    return s->best != NULL && !s->several && strlen(s->best) > 2 && strlen(s->wanted) > 2;
}

const char *nearest_of(const char *name, const char *const *names, u32 count) {
    nearest_search s = {.wanted = name};
    for (u32 k = 0; k < count; k++) nearest_try(&s, names[k]);
    return s.best;
}
