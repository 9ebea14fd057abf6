# SPDX-License-Identifier: Apache-2.0
# Made by tests/api/layout.py --write from the public headers; a test compares it with them.

const MMSB_OK = 0
const MMSB_WRONG = 1
const MMSB_REJECTED = 2
const MMSB_USAGE = 3
const MMSB_IO = 4
const MMSB_DAMAGED = 5
const MMSB_OUT_OF_SPACE = 6
const MMSB_ABSENT = 7
const MMSB_BUSY = 8
const MMSB_BUG = 9
const MMSB_FORKED = 10
const MMSB_BOOL = 0
const MMSB_I8 = 1
const MMSB_I16 = 2
const MMSB_I32 = 3
const MMSB_I64 = 4
const MMSB_U8 = 5
const MMSB_U16 = 6
const MMSB_U32 = 7
const MMSB_U64 = 8
const MMSB_F32 = 9
const MMSB_F64 = 10
const MMSB_ANY = 255
const MMSB_SET = 0
const MMSB_ADD = 1
const MMSB_MIN = 2
const MMSB_MAX = 3
const MMSB_AND = 4
const MMSB_OR = 5
const MMSB_XOR = 6
const MMSB_DURABLE_BATCH = 0
const MMSB_DURABLE_NONE = 1
const MMSB_DURABLE_EPOCH = 2
const MMSB_DURABLE_SEALED = 3
const MMSB_EXECUTOR_VM = 0
const MMSB_EXECUTOR_NATIVE = 1
const MMSB_EXECUTOR_AUTO = 2
const MMSB_EXECUTOR_CUDA = 3
const MMSB_ALLOW_KERNELS = 1
const MMSB_MIGRATE = 2
const MMSB_PAGE_SOURCE = 1
const MMSB_PAGE_STATE = 2
const MMSB_PAGE_EXPORTED = 4
const MMSB_PAGE_EVENT = 8
const MMSB_ABI = 1
const MMSB_BUS_LOG = 1
const MMSB_BUS_LEASES = 2
const MMSBC_ABI = 1

struct MmsbInput
    page::Ptr{UInt8}
    path::Ptr{UInt8}
    lanes::Ptr{Cvoid}
    lane_bytes::UInt64
    type::UInt32
    zero::UInt32
end

struct MmsbScalar
    bits::UInt64
    number::Cdouble
    type::UInt32
    zero::UInt32
end

struct MmsbEvent
    struct_size::UInt32
    value_count::UInt32
    epoch::UInt64
    name::Ptr{UInt8}
    values::Ptr{Cvoid}
end

struct MmsbOptions
    struct_size::UInt32
    flags::UInt32
    path::Ptr{UInt8}
    image::Ptr{Cvoid}
    image_bytes::UInt64
    graph::Ptr{Cvoid}
    state::Ptr{UInt8}
    inputs::Ptr{Cvoid}
    input_count::UInt32
    durability::UInt32
    executor::UInt32
    threads::UInt32
    checkpoint_epochs::UInt64
    audit_epochs::UInt64
    oracle_epochs::UInt64
    event_room::UInt32
    zero::UInt32
    on_event::Ptr{Cvoid}
    event_context::Ptr{Cvoid}
    note::Ptr{Cvoid}
    note_context::Ptr{Cvoid}
end

struct MmsbPageInfo
    struct_size::UInt32
    type::UInt32
    flags::UInt32
    axes::UInt32
    dims::NTuple{4, UInt64}
    lanes::UInt64
    bytes::UInt64
    name::Ptr{UInt8}
    file::Ptr{UInt8}
    line::UInt64
end

struct MmsbMetrics
    struct_size::UInt32
    zero::UInt32
    epoch::UInt64
    durable_epoch::UInt64
    epochs::UInt64
    nodes_run::UInt64
    lanes_run::UInt64
    lanes_changed::UInt64
    tiles_dense::UInt64
    tiles_packed::UInt64
    bytes_loaded::UInt64
    bytes_stored::UInt64
    memory_bytes::UInt64
    pending_bytes::UInt64
    executor::Ptr{UInt8}
end

struct MmsbBusOptions
    struct_size::UInt32
    zero::UInt32
    name::Ptr{UInt8}
    ring_bytes::UInt64
    stream::UInt64
    spin_ns::UInt64
end

struct MmsbBusState
    struct_size::UInt32
    flags::UInt32
    epoch::UInt64
    durable_epoch::UInt64
    last_number::UInt64
    next_number::UInt64
    unanswered::UInt64
    pending_bytes::UInt64
end

struct MmsbBusMark
    sequence::UInt64
    epoch::UInt64
end

struct MmsbBusChange
    epoch::UInt64
    first::UInt64
    count::UInt64
    page::UInt32
    zero::UInt32
end

struct MmsbBusAnswer
    struct_size::UInt32
    status::UInt32
    number::UInt64
    epoch::UInt64
    again::UInt32
    zero::UInt32
    words::Ptr{UInt8}
end

struct MmsbcOptions
    struct_size::Csize_t
    name::Ptr{UInt8}
    text::Ptr{UInt8}
    bytes::Csize_t
    defines::Ptr{Cvoid}
    define_count::Csize_t
    folders::Ptr{Cvoid}
    folder_count::Csize_t
    max_bytes::Culonglong
    max_waves::Culonglong
    max_amplification::Ptr{Cvoid}
    max_amplification_count::Csize_t
    diagnostics::Cint
    colour::Cint
    messages::Ptr{Cvoid}
end

# struct, size, [(field, offset)]
const LAYOUTS = [
    (MmsbInput, 40, [(:page, 0), (:path, 8), (:lanes, 16), (:lane_bytes, 24), (:type, 32), (:zero, 36)]),
    (MmsbScalar, 24, [(:bits, 0), (:number, 8), (:type, 16), (:zero, 20)]),
    (MmsbEvent, 32, [(:struct_size, 0), (:value_count, 4), (:epoch, 8), (:name, 16), (:values, 24)]),
    (MmsbOptions, 136, [(:struct_size, 0), (:flags, 4), (:path, 8), (:image, 16), (:image_bytes, 24),
      (:graph, 32), (:state, 40), (:inputs, 48), (:input_count, 56), (:durability, 60), (:executor, 64),
      (:threads, 68), (:checkpoint_epochs, 72), (:audit_epochs, 80), (:oracle_epochs, 88), (:event_room, 96),
      (:zero, 100), (:on_event, 104), (:event_context, 112), (:note, 120), (:note_context, 128)]),
    (MmsbPageInfo, 88, [(:struct_size, 0), (:type, 4), (:flags, 8), (:axes, 12), (:dims, 16), (:lanes, 48),
      (:bytes, 56), (:name, 64), (:file, 72), (:line, 80)]),
    (MmsbMetrics, 112, [(:struct_size, 0), (:zero, 4), (:epoch, 8), (:durable_epoch, 16), (:epochs, 24),
      (:nodes_run, 32), (:lanes_run, 40), (:lanes_changed, 48), (:tiles_dense, 56), (:tiles_packed, 64),
      (:bytes_loaded, 72), (:bytes_stored, 80), (:memory_bytes, 88), (:pending_bytes, 96), (:executor, 104)]),
    (MmsbBusOptions, 40, [(:struct_size, 0), (:zero, 4), (:name, 8), (:ring_bytes, 16), (:stream, 24),
      (:spin_ns, 32)]),
    (MmsbBusState, 56, [(:struct_size, 0), (:flags, 4), (:epoch, 8), (:durable_epoch, 16), (:last_number,
      24), (:next_number, 32), (:unanswered, 40), (:pending_bytes, 48)]),
    (MmsbBusMark, 16, [(:sequence, 0), (:epoch, 8)]),
    (MmsbBusChange, 32, [(:epoch, 0), (:first, 8), (:count, 16), (:page, 24), (:zero, 28)]),
    (MmsbBusAnswer, 40, [(:struct_size, 0), (:status, 4), (:number, 8), (:epoch, 16), (:again, 24), (:zero,
      28), (:words, 32)]),
    (MmsbcOptions, 112, [(:struct_size, 0), (:name, 8), (:text, 16), (:bytes, 24), (:defines, 32),
      (:define_count, 40), (:folders, 48), (:folder_count, 56), (:max_bytes, 64), (:max_waves, 72),
      (:max_amplification, 80), (:max_amplification_count, 88), (:diagnostics, 96), (:colour, 100),
      (:messages, 104)]),
]
