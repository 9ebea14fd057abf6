# SPDX-License-Identifier: Apache-2.0
using MMSB
using Test

const TEXT = """
source price: f64[4] = 100.0
source qty: i64[4] = 1
source on: bool[4] = true
source grid: f32[2, 3]
source small: i8[3] = -5
source rate: f64 = 0.5
page value: f64[4] = price * f64(qty)
page total = sum(value) * rate
page ema: f64 = init total then prev(ema) + 0.5 * (total - prev(ema))
assert all(price > 0.0) "price not positive"
event rich = total > 500.0 with total, min(small), count(qty > 0), any(on)
event third = epoch % 3 == 0 with epoch
"""
const GRAPH = compile(TEXT; name = "book.mmsbg")
triple(x) = 3x + 1
const LETTERS = ("bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64")

@testset "MMSB" begin

@testset "structs are laid out as in C" begin
    for (type, bytes, fields) in MMSB.LAYOUTS
        @test sizeof(type) == bytes
        @test length(fields) == fieldcount(type)
        for (k, (field, offset)) in enumerate(fields)
            @test (fieldname(type, k), Int(fieldoffset(type, k))) == (field, offset)
        end
    end
end

@testset "pages are arrays on the engine's memory" begin
    g = load(GRAPH)
    price = g[:price]
    @test price isa PageArray{Float64,1}
    @test price isa DenseArray{Float64,1}
    @test price == fill(100.0, 4)
    @test pointer(price) == pointer(g[:price])
    @test UInt(pointer(price)) % 4096 == 0
    @test strides(price) == (1,)
    @test g[:total] isa PageArray{Float64,0}
    @test g[:total][] == 200.0
    @test size(g[:grid]) == (3, 2)
    @test strides(g[:grid]) == (1, 3)
    @test sum(price) == 400.0
    @test price .* 2 isa Vector{Float64}
    @test copy(price) isa Vector{Float64}
    @test price[2:3] isa Vector{Float64}
    @test similar(g[:grid]) isa Matrix{Float32}
    @test view(price, 2:3) == [100.0, 100.0]
    @test_throws BoundsError price[5]
    @test_throws BoundsError price[0]
    @test unsafe_load(pointer(price), 4) == 100.0
    @test keys(g)[1:3] == [:price, :qty, :on]
    @test haskey(g, :total) && !haskey(g, :totl)
    @test length(g) == length(pages(g)) == length(keys(g))
    failure = try g[:prise] catch e; e end
    @test failure isa WrongError
    @test occursin("did you mean `price`", failure.message)
end

@testset "axes are reversed, lanes are in place" begin
    g = load(compile("source a: i32[2, 3, 4]\npage b[i: 2, j: 3, k: 4] = i32(100 * i + 10 * j + k) + a[i, j, k]"))
    b = g[:b]
    @test size(b) == (4, 3, 2)
    for i in 0:1, j in 0:2, k in 0:3
        @test b[k+1, j+1, i+1] == 100i + 10j + k
    end
    g[:a][2, 3, 1] = 1000
    commit!(g)
    @test b[2, 3, 1] == 1021
    line!(g, "a[1, 0, 3] = 5000")
    commit!(g)
    @test g[:a][4, 1, 2] == 5000
    @test vec(b)[24] == 123
end

@testset "every type and shape, there and back" begin
    shapes = ("", "[3]", "[2, 3]", "[2, 1, 3, 2]")
    g = load(compile(join(("source $(t)_$k: $t$s" for t in LETTERS for (k, s) in enumerate(shapes)), "\n")))
    given = Dict(name => rand(eltype(g[name]) === Bool ? [false, true] : eltype(g[name]).(0:1), size(g[name]))
                 for name in keys(g))
    for (name, values) in given
        g[name] = ndims(g[name]) == 0 ? values[] : values
    end
    commit!(g)
    for (t, type) in zip(LETTERS, MMSB.TYPES), k in 1:4
        name = Symbol(t, "_", k)
        @test eltype(g[name]) === type
        @test g[name] == given[name]
    end
end

@testset "assignments are deltas" begin
    g = load(GRAPH)
    g[:price][3] = 300
    @test g[:price][3] == 100.0
    commit!(g)
    @test g[:price][3] == 300.0
    g[:price][1:2] = [1, 2]
    g[:price] .+= 0 .* g[:price] .+ 1   # of what is committed: the range before is overwritten
    commit!(g)
    @test g[:price] == [101.0, 101.0, 301.0, 101.0]
    g[:price] .= 7
    g[:qty][end] = 3
    g[:rate][] = 2.0
    commit!(g)
    @test g[:total][] == 7.0 * 6 * 2
    g[:price] = 1:4
    g[:grid] = Float32[1 2; 3 4; 5 6]
    g[:on] = false
    commit!(g)
    @test g[:price] == 1:4
    @test g[:grid][3, 1] === 5f0
    @test !any(g[:on])
    g[:ema][] = 10.0   # a state page: the value before
    g[:price] = 4.0
    commit!(g)
    @test g[:ema][] == 10.0 + 0.5 * (g[:total][] - 10.0)
    @test_throws WrongError g[:total][] = 1.0
    @test_throws BoundsError g[:price][5] = 1.0
    @test_throws InexactError g[:qty][1] = 1.5
    @test_throws InexactError g[:small][1] = 300
    @test_throws DimensionMismatch g[:price] = [1.0, 2.0]
    @test_throws DimensionMismatch g[:price][1:2] = [1.0]
    @test metrics(g).pending_bytes == 0
end

@testset "kinds, masks, indices" begin
    g = load(compile("source x: i16[50]\nsource m: i64[3, 5]\nsource flag: bool[4]"))
    mine, grid = zeros(Int16, 50), zeros(Int64, 5, 3)
    functions = (set = ((a, b) -> b), add = (+), min = min, max = max, and = (&), or = (|), xor = xor)
    for (kind, f) in pairs(functions)
        mask = rand(Bool, 50)
        values = rand(Int16(-300):Int16(300), count(mask))
        update!(g, :x, kind, values, mask)
        mine[mask] = f.(mine[mask], values)
        update!(g, :x, kind, 3, [50, 1, 7])
        mine[[50, 1, 7]] = f.(mine[[50, 1, 7]], Int16(3))
        update!(g, :m, kind, 5, CartesianIndex(2, 3))
        grid[2, 3] = f(grid[2, 3], 5)
        update!(g, :m, kind, [1, 2], [CartesianIndex(1, 1), CartesianIndex(5, 3)])
        grid[1, 1], grid[5, 3] = f(grid[1, 1], 1), f(grid[5, 3], 2)
        update!(g, :m, kind, 9, 4)
        grid[4] = f(grid[4], 9)
        commit!(g)
        @test g[:x] == mine
        @test g[:m] == grid
    end
    update!(g, :x, :add, 1)
    commit!(g)
    @test g[:x] == mine .+ Int16(1)
    @test_throws UsageError update!(g, :x, :mul, 1)
    @test_throws WrongError update!(g, :flag, :add, true)
    @test_throws BoundsError update!(g, :x, :set, 1, [1, 51])
    @test_throws DimensionMismatch update!(g, :x, :set, [1, 2], [1, 2, 3])
    @test_throws DimensionMismatch update!(g, :x, :set, 1, trues(3))
end

@testset "batches" begin
    g = load(GRAPH)
    batch_route_deltas!(g, :price, [4, 1, 4], [1.0, 2.0, 3.0])
    batch_route_deltas!(g, [(:price, 2) => 5.0, (:price, 3) => 6.0, (:qty, 1) => 7, (:price, 3) => 8.0])
    commit!(g)
    @test g[:price] == [2.0, 5.0, 8.0, 3.0]
    @test g[:qty][1] == 7
    batch_route_deltas!(g, :price, [1, 1, 1], 1.0; kind = :add)
    commit!(g)
    @test g[:price][1] == 5.0
    events = batch(g) do
        g[:price] = 900.0
        batch(() -> (g[:qty] .= 2), g)
    end
    @test [e.name for e in events] == [:rich, :third]
    @test epoch(g) == 3
    @test_throws ErrorException batch(g) do
        g[:price] = 1.0
        error("no")
    end
    commit!(g)
    @test g[:price] == fill(900.0, 4)
    line!(g, "price[0] = 3")
    drop!(g)
    commit!(g)
    @test g[:price][1] == 900.0
end

@testset "a rejected epoch" begin
    g = load(GRAPH)
    before = root(g)
    g[:price][3] = -1.0
    failure = try commit!(g) catch e; e end
    @test failure isa RejectedError
    @test occursin("price not positive", failure.message)
    @test (failure.file, failure.line) == ("book.mmsbg", 10)
    @test sprint(showerror, failure) == "RejectedError: " * failure.message
    @test (root(g), epoch(g), g[:price][3]) == (before, 0, 100.0)
    @test_throws WrongError line!(g, "price[9] = 1")
    @test_throws UsageError line!(g, "commit")
end

@testset "events" begin
    g = load(GRAPH)
    g[:price][1] = 2000.0
    event = only(commit!(g))
    @test (event.name, event.epoch) == (:rich, 1)
    @test event.values === (1150.0, Int8(-5), 4, true)
    @test isempty(commit!(g))
    seen = Tuple{Int,Int}[]
    on(g, :third) do e
        push!(seen, (e.epoch, epoch(g)))
        @test_throws BusyError commit!(g)
        @test_throws BusyError g[:price][1] = 1.0
        e.epoch == 9 && error("enough")
    end
    @test_throws ErrorException tick!(g, 100)
    @test epoch(g) == 9
    @test seen == [(3, 3), (6, 6), (9, 9)]
    empty!(g.handlers)
    @test [e.values[1] for e in tick!(g, 3000)] == 12:3:3009
    @test_throws UsageError on(identity, g, :price)
    @test_throws WrongError on(identity, g, :nothing)
end

@testset "snapshots stay" begin
    g = load(GRAPH)
    s = snapshot(g, :value, :total)
    all = snapshot(g)
    g[:price] = 1.0
    commit!(g)
    value = s[:value]
    @test value == fill(100.0, 4)
    @test s.epoch == 0
    @test g[:value] == fill(1.0, 4)
    @test Set(keys(s)) == Set([:value, :total])
    @test length(keys(all)) == length(g)
    @test_throws WrongError s[:price]
    @test_throws UsageError value[1] = 2.0
    @test_throws WrongError snapshot(g, :nothing)
    g = s = nothing
    GC.gc()
    @test value[4] == 100.0
end

@testset "arrays keep the memory" begin
    price, part = load(GRAPH)[:price], view(load(GRAPH)[:grid], 1, :)
    GC.gc()
    @test sum(price) == 400.0
    @test sum(part) == 0
    g = load(GRAPH)
    close(g)
    @test g[:price] == fill(100.0, 4)
    @test_throws UsageError commit!(g)
    close(g)
end

@testset "kept, recovered, replayed" begin
    mktempdir() do folder
        state, roots, notes, fired = joinpath(folder, "s"), String[], String[], Event[]
        g = load(GRAPH; state = state, durability = :sealed)
        for k in 1:5
            g[:price][mod1(k, 4)] = 200.0 + k
            commit!(g)
            push!(roots, root(g))
        end
        @test metrics(g).durable_epoch == 5
        @test_throws BusyError load(GRAPH; state = state)
        close(g)
        g = load(GRAPH; state = state, note = line -> push!(notes, line))
        @test (epoch(g), root(g)) == (5, roots[5])
        checkpoint!(g)
        tick!(g, 2)
        sync!(g)
        for to in 1:5
            past = replay(e -> push!(fired, e), state; to = to)
            @test (epoch(past), root(past)) == (to, roots[to])
        end
        @test [(e.name, e.epoch) for e in fired] == [(:third, 3), (:third, 3), (:third, 3)]
        @test epoch(replay(state)) == 7
        past = replay(state; to = 2)
        past[:price] = 1.0
        commit!(past)
        @test epoch(past) == 3
        @test_throws WrongError replay(state; to = 8)
        close(g)
    end
end

@testset "graphs come as text, file and image" begin
    mktempdir() do folder
        path = joinpath(folder, "g.mmsbg")
        write(path, "import \"part.mmsbg\"\nparam n = 3\nsource x: f64[n] = 2.0\npage y = twice(sum(x))\n")
        write(joinpath(folder, "part.mmsbg"), "fn twice(v) = v + v\n")
        c = compile(read(path, String); folders = (folder,), defines = (n = 5,))
        image = joinpath(folder, "g.mmsbx")
        write(image, c)
        @test load(path)[:y][] == 12.0
        @test load(image)[:y][] == 20.0
        @test load(c)[:y][] == 20.0
        @test length(load(compile("param n = 2\nsource x: u8[n]"; defines = ["n" => 9]))[:x]) == 9
        c = compile("import \"finance.mmsbg\" as fin\nsource s: f64 = 100.0\n" *
                    "page c = fin.bs_call(s, 100.0, 1.0, 0.02, 0.0, 0.2)")
        @test isapprox(load(c)[:c][], 8.916; atol = 1e-3)
    end
end

@testset "files of a graph lie beside it" begin
    mktempdir() do folder
        write(joinpath(folder, "f.mmsbg"), "source x: f64[2] from \"x.csv\"\npage y = sum(x)\n")
        write(joinpath(folder, "x.csv"), "1.5\n2.0\n")
        @test load(joinpath(folder, "f.mmsbg"))[:y][] == 3.5
        c = compile(joinpath(folder, "f.mmsbg"))
        @test load(c)[:y][] == 3.5
        write(joinpath(folder, "f.mmsbx"), c)
        @test load(joinpath(folder, "f.mmsbx"))[:y][] == 3.5
    end
end

@testset "inputs" begin
    g = load(GRAPH; inputs = ("price" => [1.0, 2.0, 3.0, 4.0], "rate" => 1.0))
    @test g[:total][] == 10.0
    @test load(GRAPH; inputs = (price = 1.0:4.0,))[:total][] == 5.0
    @test_throws WrongError load(GRAPH; inputs = ("price" => [1.0, 2.0],))
    @test_throws WrongError load(GRAPH; inputs = ("price" => [1, 2, 3, 4],))
    @test_throws UsageError load(GRAPH; inputs = ("nothing" => [1.0],))
    @test_throws UsageError load(GRAPH; inputs = ("price" => ["a"],))
end

@testset "what is wrong is thrown" begin
    failure = try compile("source x: f64\npage y = x + nope\n"; name = "w.mmsbg") catch e; e end
    @test failure isa WrongError
    @test (failure.file, failure.line) == ("w.mmsbg", 2)
    @test occursin("nope", failure.message)
    @test_throws IOFailure load("/nowhere/g.mmsbx")
    @test_throws DamagedError load(Compiled(UInt8[1, 2, 3], "x"))
    @test_throws UsageError load(GRAPH; durability = :always)
    @test_throws UsageError load(GRAPH; executor = :magic)
    @test_throws ArgumentError compile("source x: f64"; name = "a\0b")
    @test MMSB.error_of(77, "?") isa BugError
    for (k, type) in enumerate(MMSB.ERRORS)
        @test MMSB.error_of(k, "words") == type("words", nothing, nothing)
    end
end

@testset "executors and threads give one root" begin
    roots = Set{String}()
    for executor in keys(MMSB.EXECUTORS), threads in (1, 2)
        g = try load(GRAPH; executor = executor, threads = threads, oracle_epochs = 1) catch e; e end
        if g isa Union{AbsentError,OutOfSpaceError}
            threads == 1 && println("skipped: executor $executor: ", g.message)
            continue
        end
        g[:price][2] = 3.25
        commit!(g)
        tick!(g, 2)
        push!(roots, root(g))
    end
    @test length(roots) == 1
end

@testset "shown" begin
    g = load(GRAPH)
    tick!(g, 2)
    @test sprint(show, g) == "MMSB.Graph($(length(g)) pages, epoch 2)"
    long = sprint(show, MIME"text/plain"(), g)
    @test occursin("price            Float64 4, source", long)
    @test occursin("grid             Float32 3 × 2, source", long)
    @test occursin("ema              Float64, state", long)
    @test occursin("rich             Bool, event", long)
    @test sprint(show, pages(g)[1]) == "price: Float64 4, source"
    small(io, x) = show(IOContext(io, :limit => true, :displaysize => (10, 80)), MIME"text/plain"(), x)
    @test endswith(sprint(small, g), "\n  … and $(length(g) - 4) more")
    @test sprint(show, tick!(g)[1]) == "third(0x0000000000000003,) in epoch 3"
    @test sprint(show, snapshot(g, :total)) == "MMSB.Snapshot(1 pages, epoch 3)"
    @test startswith(sprint(show, GRAPH), "MMSB.Compiled(book.mmsbg, ")
    @test metrics(g).epoch == 3
    @test metrics(g).executor == "vm"
    @test MMSB.version() isa String
end

@testset "compiler artefacts on pages" begin
    I = MMSB.Instrument
    g = load(compile("source ir: u8[20000]\npage size = count(ir != 0)\nsource short: u8[10]"))
    MMSB.Instrument.@page_ir g[:ir] triple(2.0)
    commit!(g)
    found = I.page_ir(g[:ir])
    @test found.provenance["function"] == "triple"
    @test found.provenance["types"] == "Tuple{Float64}"
    @test found.provenance["result"] == "Float64"
    @test found.provenance["file"] == string(which(triple, Tuple{Float64}).file)
    @test found.provenance["julia"] == string(VERSION)
    @test occursin("CodeInfo", found.text)
    @test g[:size][] == count(!=(0), g[:ir])
    first_size = g[:size][]
    I.page_ir!(g[:ir], triple, Tuple{Int}; stage = :typed)
    commit!(g)
    @test I.page_ir(g[:ir]).provenance["types"] == "Tuple{Int64}"
    @test I.page_ir(g[:ir]).provenance["stage"] == "typed"
    @test g[:size][] != first_size
    @test_throws UsageError I.page_ir!(g[:short], triple, Tuple{Int})
    @test_throws UsageError I.page_ir!(g[:ir], triple, Tuple{Int,Int})
    @test isempty(I.page_ir(g[:short]).text)
end

include("harder.jl")
include("bus.jl")

end
