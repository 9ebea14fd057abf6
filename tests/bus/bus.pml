/* SPDX-License-Identifier: Apache-2.0
 * Ring, bell and wake-up of one client of a bus, as in engine/bus/ring.c, server.c (server_sleep),
 * server_client.c (clients_wake) and client_wait.c (bell_ring, client_sleep). Stores pass through a
 * FIFO buffer of each side, as on x86: a load may overtake an earlier store. Proved: requests
 * arrive whole and in order, and no side sleeps for ever (no invalid end state). Each -D below
 * takes one line of the code away and must be found out (tests/bus/model.sh):
 *   NO_FENCE_ENGINE_SLEEP, NO_FENCE_BELL, NO_FENCE_ARM, NO_FENCE_WAKE   a fence
 *   NO_LOOK_ENGINE, NO_LOOK_CLIENT   the last look before sleeping
 *   HEAD_BEFORE_DATA, TAIL_BEFORE_COPY   a release */
#define SLOTS 2
#define ITEMS 6

mtype = { HEAD, TAIL, ASLEEP, ARMED, SLOT };

byte slot[SLOTS];
byte head, tail;
bit asleep, armed;
bit edge; /* of the bell, edge-triggered: epoll_wait takes it */
bit woken; /* a byte in the client's socket */
chan client_stores = [4] of { mtype, byte, byte };
chan engine_stores = [4] of { mtype, byte, byte };
bit client_done, engine_done;

/* What leaves a store buffer becomes visible. */
proctype buffer(chan stores) {
    mtype what;
    byte where, value;
end:
    do
    :: atomic {
           stores ? what, where, value;
           if
           :: what == HEAD -> head = value
           :: what == TAIL -> tail = value
           :: what == ASLEEP -> asleep = value
           :: what == ARMED -> armed = value
           :: what == SLOT -> slot[where] = value
           fi
       }
    od
}

#define CLIENT_FENCE (empty(client_stores))
#define ENGINE_FENCE (empty(engine_stores))

inline bell_ring() {
#ifndef NO_FENCE_BELL
    CLIENT_FENCE;
#endif
    if
    :: asleep -> CLIENT_FENCE; edge = 1 /* a system call: a fence of its own */
    :: else
    fi
}

/* Waits until the engine has taken enough. */
inline room_wait() {
    do
    :: mine - tail < SLOTS -> break
    :: else ->
        client_stores ! ARMED, 0, 1;
#ifndef NO_FENCE_ARM
        CLIENT_FENCE;
#endif
#ifndef NO_LOOK_CLIENT
        if
        :: mine - tail < SLOTS -> break
        :: else
        fi;
#endif
        woken == 1;
        woken = 0
    od
}

proctype client() {
    byte mine = 0;
    do
    :: mine == ITEMS -> break
    :: else ->
        room_wait();
#ifdef HEAD_BEFORE_DATA
        client_stores ! HEAD, 0, mine + 1;
        client_stores ! SLOT, mine % SLOTS, mine + 1;
#else
        client_stores ! SLOT, mine % SLOTS, mine + 1;
        client_stores ! HEAD, 0, mine + 1;
#endif
        mine++;
        bell_ring()
    od;
    client_done = 1
}

inline clients_wake() {
#ifndef NO_FENCE_WAKE
    ENGINE_FENCE;
#endif
    if
    :: armed ->
        engine_stores ! ARMED, 0, 0;
        ENGINE_FENCE; /* the system call that sends the byte */
        woken = 1
    :: else
    fi
}

proctype engine() {
    byte mine = 0, got;
    do
    :: mine == ITEMS -> break
    :: else ->
        if
        :: head != mine ->
#ifdef TAIL_BEFORE_COPY
            engine_stores ! TAIL, 0, mine + 1;
            got = slot[mine % SLOTS];
#else
            got = slot[mine % SLOTS];
            engine_stores ! TAIL, 0, mine + 1;
#endif
            assert(got == mine + 1);
            mine++;
            clients_wake()
        :: else ->
            engine_stores ! ASLEEP, 0, 1;
#ifndef NO_FENCE_ENGINE_SLEEP
            ENGINE_FENCE;
#endif
#ifndef NO_LOOK_ENGINE
            if
            :: head != mine
            :: else -> edge == 1; edge = 0
            fi;
#else
            edge == 1;
            edge = 0;
#endif
            engine_stores ! ASLEEP, 0, 0
        fi
    od;
    engine_done = 1
}

init {
    atomic {
        run buffer(client_stores);
        run buffer(engine_stores);
        run client();
        run engine()
    }
}
