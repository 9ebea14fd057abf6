# SPDX-License-Identifier: Apache-2.0
# One exception type a status. `file` and `line` are the graph's, where the words name them.

"What failed, in words: `message`; `file` and `line` of the graph, or `nothing`."
abstract type MMSBError <: Exception end

for (name, about) in ((:WrongError, "The graph or the data is wrong."),
                      (:RejectedError, "The epoch was rejected by a fault or a failed assert; the state is as before."),
                      (:UsageError, "A call that makes no sense."),
                      (:IOFailure, "Input or output failed."),
                      (:DamagedError, "An image, a log or a checkpoint is damaged."),
                      (:OutOfSpaceError, "Out of memory, or over a limit."),
                      (:AbsentError, "A device, compiler or feature is not there."),
                      (:BusyError, "In use by another process or task, or by the commit that called this handler."),
                      (:BugError, "An internal error."),
                      (:ForkedError, "The graph belongs to the parent process."))
    @eval begin
        @doc $about struct $name <: MMSBError
            message::String
            file::Union{Nothing,String}
            line::Union{Nothing,Int}
        end
    end
end

const ERRORS = (WrongError, RejectedError, UsageError, IOFailure, DamagedError, OutOfSpaceError, AbsentError,
                BusyError, BugError, ForkedError)

# "...  FILE:LINE: source" of a run, "FILE:LINE:COLUMN: ..." of a compilation.
function error_of(status::Integer, message::AbstractString)
    type = 1 <= status <= length(ERRORS) ? ERRORS[status] : BugError
    place = match(r"  (\S[^:]*):(\d+): ", message)
    if place === nothing
        place = match(r"^(\S[^:]*):(\d+):\d+: ", message)
    end
    place === nothing && return type(String(message), nothing, nothing)
    return type(String(message), String(place[1]), parse(Int, place[2]))
end

Base.showerror(io::IO, e::MMSBError) = print(io, nameof(typeof(e)), ": ", e.message)
