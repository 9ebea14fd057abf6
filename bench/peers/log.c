/* SPDX-License-Identifier: Apache-2.0
 * 1 M deltas of 64 bytes in transactions of 1000, each made durable, then read back into 64 MiB, in
 * LMDB, SQLite and RocksDB: those that were found. usage: log DIR */
#include "peer.h"

#include <string.h>
#include <unistd.h>

#define DELTAS 1000000
#define GROUP 1000
#define TRIES 3

typedef struct {
    uint32_t slot, unused;
    unsigned char payload[64];
} change;
static change changes[DELTAS];
static unsigned char *state;

static void must(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "peers/log: %s failed\n", what);
    exit(74);
}
static void fresh(const char *path) {
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'; mkdir -p '%s'", path, path);
    must(system(command) == 0, "mkdir");
}
static void apply(const change *c) { memcpy(state + (size_t)c->slot * 64, c->payload, 64); }
static void rows(const char *name, double *append, double *replay) {
    char text[96];
    snprintf(text, sizeof text, "%s, append", name);
    peer_row("log", text, append, TRIES, DELTAS, "ns/delta", "durable every 1000");
    snprintf(text, sizeof text, "%s, replay", name);
    peer_row("log", text, replay, TRIES, DELTAS, "ns/delta", "read in order, applied");
}

#ifdef PEER_LMDB
#include <lmdb.h>
static void lmdb(const char *path) {
    double append[TRIES], replay[TRIES];
    for (int t = 0; t < TRIES; t++) {
        MDB_env *env;
        MDB_dbi db;
        MDB_txn *txn;
        MDB_cursor *cursor;
        MDB_val key, value;
        fresh(path);
        must(mdb_env_create(&env) == 0, "mdb_env_create");
        mdb_env_set_mapsize(env, (size_t)1 << 30);
        must(mdb_env_open(env, path, 0, 0600) == 0, "mdb_env_open");
        uint64_t start = bench_ns();
        for (uint64_t g = 0; g < DELTAS / GROUP; g++) {
            must(mdb_txn_begin(env, NULL, 0, &txn) == 0, "mdb_txn_begin");
            must(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &db) == 0, "mdb_dbi_open");
            for (uint64_t k = g * GROUP; k < (g + 1) * GROUP; k++) {
                key = (MDB_val){8, &k}, value = (MDB_val){sizeof(change), &changes[k]};
                must(mdb_put(txn, db, &key, &value, MDB_APPEND) == 0, "mdb_put");
            }
            must(mdb_txn_commit(txn) == 0, "mdb_txn_commit");
        }
        append[t] = (double)(bench_ns() - start);
        start = bench_ns();
        must(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0, "mdb_txn_begin");
        must(mdb_cursor_open(txn, db, &cursor) == 0, "mdb_cursor_open");
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            change c;
            memcpy(&c, value.mv_data, sizeof c);
            apply(&c);
        }
        replay[t] = (double)(bench_ns() - start);
        mdb_cursor_close(cursor);
        mdb_txn_abort(txn);
        mdb_env_close(env);
    }
    rows("LMDB", append, replay);
}
#endif

#ifdef PEER_SQLITE
#include <sqlite3.h>
static void sqlite(const char *path) {
    double append[TRIES], replay[TRIES];
    for (int t = 0; t < TRIES; t++) {
        sqlite3 *db;
        sqlite3_stmt *put, *get;
        char file[600];
        fresh(path);
        snprintf(file, sizeof file, "%s/log.db", path);
        must(sqlite3_open(file, &db) == SQLITE_OK, "sqlite3_open");
        const char *sql = "pragma journal_mode=wal; pragma synchronous=full;"
                          "create table log(id integer primary key, body blob)";
        must(sqlite3_exec(db, sql, 0, 0, 0) == SQLITE_OK, "create table");
        sqlite3_prepare_v2(db, "insert into log values(?, ?)", -1, &put, 0);
        sqlite3_prepare_v2(db, "select body from log order by id", -1, &get, 0);
        uint64_t start = bench_ns();
        for (int g = 0; g < DELTAS / GROUP; g++) {
            must(sqlite3_exec(db, "begin", 0, 0, 0) == SQLITE_OK, "begin");
            for (int k = g * GROUP; k < (g + 1) * GROUP; k++) {
                sqlite3_bind_int64(put, 1, k);
                sqlite3_bind_blob(put, 2, &changes[k], sizeof(change), SQLITE_STATIC);
                must(sqlite3_step(put) == SQLITE_DONE, "insert");
                sqlite3_reset(put);
            }
            must(sqlite3_exec(db, "commit", 0, 0, 0) == SQLITE_OK, "commit");
        }
        append[t] = (double)(bench_ns() - start);
        start = bench_ns();
        while (sqlite3_step(get) == SQLITE_ROW) {
            change c;
            memcpy(&c, sqlite3_column_blob(get, 0), sizeof c);
            apply(&c);
        }
        replay[t] = (double)(bench_ns() - start);
        sqlite3_finalize(put);
        sqlite3_finalize(get);
        sqlite3_close(db);
    }
    rows("SQLite, WAL, synchronous=full", append, replay);
}
#endif

#ifdef PEER_ROCKSDB
#include <rocksdb/c.h>
static void rocksdb(const char *path) {
    double append[TRIES], replay[TRIES];
    for (int t = 0; t < TRIES; t++) {
        char *wrong = NULL;
        fresh(path);
        rocksdb_options_t *o = rocksdb_options_create();
        rocksdb_writeoptions_t *w = rocksdb_writeoptions_create();
        rocksdb_readoptions_t *r = rocksdb_readoptions_create();
        rocksdb_options_set_create_if_missing(o, 1);
        rocksdb_options_set_compression(o, rocksdb_no_compression);
        rocksdb_writeoptions_set_sync(w, 1);
        rocksdb_t *db = rocksdb_open(o, path, &wrong);
        must(wrong == NULL, "rocksdb_open");
        uint64_t start = bench_ns();
        for (uint64_t g = 0; g < DELTAS / GROUP; g++) {
            rocksdb_writebatch_t *b = rocksdb_writebatch_create();
            for (uint64_t k = g * GROUP; k < (g + 1) * GROUP; k++) {
                uint64_t key = __builtin_bswap64(k);
                rocksdb_writebatch_put(b, (const char *)&key, 8, (const char *)&changes[k],
                                       sizeof(change));
            }
            rocksdb_write(db, w, b, &wrong);
            must(wrong == NULL, "rocksdb_write");
            rocksdb_writebatch_destroy(b);
        }
        append[t] = (double)(bench_ns() - start);
        start = bench_ns();
        rocksdb_iterator_t *it = rocksdb_create_iterator(db, r);
        for (rocksdb_iter_seek_to_first(it); rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
            size_t bytes;
            change c;
            memcpy(&c, rocksdb_iter_value(it, &bytes), sizeof c);
            apply(&c);
        }
        replay[t] = (double)(bench_ns() - start);
        rocksdb_iter_destroy(it);
        rocksdb_close(db);
        rocksdb_options_destroy(o);
        rocksdb_writeoptions_destroy(w);
        rocksdb_readoptions_destroy(r);
    }
    rows("RocksDB, sync, no compression", append, replay);
}
#endif

int main(int count, char **arguments) {
    char path[512];
    uint64_t seed = 9;
    if (count != 2) {
        fprintf(stderr, "usage: log DIR   (a folder on the disk to measure)\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/peer", arguments[1]);
    state = (unsigned char *)peer_array((size_t)8 << 20);
    for (int k = 0; k < DELTAS; k++) {
        changes[k].slot = (uint32_t)(bench_random(&seed) % ((uint64_t)1 << 20));
        memset(changes[k].payload, k, 64);
    }
#ifdef PEER_LMDB
    lmdb(path);
#else
    fprintf(stderr, "skipped: no LMDB (liblmdb-dev)\n");
#endif
#ifdef PEER_SQLITE
    sqlite(path);
#else
    fprintf(stderr, "skipped: no SQLite (libsqlite3-dev)\n");
#endif
#ifdef PEER_ROCKSDB
    rocksdb(path);
#else
    fprintf(stderr, "skipped: no RocksDB (librocksdb-dev)\n");
#endif
    fresh(path);
    rmdir(path);
    return 0;
}
