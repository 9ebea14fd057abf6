# SPDX-License-Identifier: Apache-2.0
# attach, against `mmsb-run --serve`, which MMSB_BIN has; else said and left out.

const RUN = joinpath(get(ENV, "MMSB_BIN", joinpath(dirname(@__DIR__), "..", "..", "..", "build", "bin")), "mmsb-run")

# f(engine): the graph is served as "book" in a folder of its own.
function serving(f, options...)
    mktempdir() do folder
        write(joinpath(folder, "book.mmsbx"), GRAPH)
        ENV["XDG_RUNTIME_DIR"] = folder
        words = `$RUN book.mmsbx --serve book $(collect(String, options))`
        engine = run(pipeline(Cmd(words; dir = folder); stdout = devnull, stderr = devnull); wait = false)
        try
            while !ispath(joinpath(folder, "mmsb", "book")) && process_running(engine)
                sleep(0.005)
            end
            f(engine)
        finally
            kill(engine, Base.SIGKILL)
            wait(engine)
        end
    end
end

if !isfile(RUN)
    println("skipped: no mmsb-run (MMSB_BIN): attach is not tested")
else

@testset "reads of another process's engine are of one epoch" begin
    serving() do _
        b = attach("book")
        @test (epoch(b), isopen(b), haskey(b, :total), keys(b)[1]) == (0, true, true, :price)
        @test Array(b[:price]) == fill(100.0, 4)
        @test size(b[:grid]) == (3, 2)
        b[:price][2] = 7.0
        b[:price][3:4] = [8.0, 9.0]
        b[:grid] .= 2.5
        b[:grid][3, 1] = 4.0
        @test b[:price][2] == 100.0
        @test commit!(b) == 1
        @test b[:price][2:4] == [7.0, 8.0, 9.0]
        @test b[:total][] == 62.0
        @test Array(b[:grid])[:, 1] == Float32[2.5, 2.5, 4.0]
        update!(b, :qty, :add, 3, 1:2)
        update!(b, :price, :max, 50.0, Array(b[:price]) .< 8.5)
        line!(b, "rate = 1")
        @test commit!(b) == 2
        @test Array(b[:qty]) == [4, 4, 1, 1]
        @test Array(b[:price]) == [100.0, 50.0, 50.0, 9.0]
        now = snapshot(b, :price, :rate)
        @test (now.epoch, now.pages[:rate][]) == (2, 1.0)
        @test look(pages -> (sum(pages[:price]), pages.epoch), b) == (209.0, 2)
        @test any(c -> c.page === :price && 2 in c.lanes, changes!(b))
        @test_throws BoundsError b[:price][5]
        @test_throws WrongError b[:pric]
        @test_throws WrongError update!(b, :total, :set, 1.0)
        @test_throws AbsentError attach("nobody")
        @test_throws AbsentError wait_durable(b)
        @test_throws BusyError wait_epoch(b; timeout = 0.05)
        close(b)
        @test !isopen(b)
        @test b[:price][1] == 100.0
        @test_throws UsageError commit!(b)
    end
end

@testset "deltas of every form go over a bus" begin
    serving() do _
        b = attach("book")
        assign!(b, (price = [4.0, 3.0, 2.0, 1.0], qty = 1:4))
        batch_route_deltas!(b, [(:price, 1) => 8, (:price, 4) => 2, (:grid, CartesianIndex(3, 2)) => 1.5])
        batch_route_deltas!(b, :qty, [2, 2, 3], [5, 1, 1]; kind = :add)
        @test commit!(b) == 1
        @test Array(b[:price]) == [8.0, 3.0, 2.0, 2.0]
        @test Array(b[:qty]) == [1, 8, 4, 4]
        @test (b[:price][end], b[:grid][end], b[:grid][end, 1]) == (2.0, 1.5, 0.0)
        @test lease(pages -> table(pages, :price, :qty)[2], b) == (price = 3.0, qty = 8)
        b[:price] .+= 1.0
        b[:qty] .= Array(b[:qty]) .* 2
        b[:rate] = 2
        commit!(b)
        @test (b[:price][1:2], b[:qty][2], b[:rate][]) == ([9.0, 4.0], 16, 2.0)
        @test_throws UsageError b[:price][1:2] .= 0.0
        @test_throws DimensionMismatch assign!(b, (price = [1.0],))
        grid = b[:grid]
        bytes(p, n) = @allocated for k in 1:n p[3, 2] = 1f0 end
        foreach(_ -> bytes(grid, 10), 1:2)
        @test bytes(grid, 1000) == 0
        drop!(b)
        @test occursin("price            Float64 4, source", sprint(show, MIME"text/plain"(), b))
        @test sprint(show, b[:grid]) == "MMSB.LivePage(grid, Float32 (3, 2))"
        close(b)
        close(b)
    end
end

@testset "a lease does not move, and outlives a killed engine" begin
    serving() do engine
        b, other = attach("book"), attach("book")
        held = lease(b) do pages
            other[:price] = 50.0
            @test commit!(other) == 1
            @test sum(pages[:price]) == 400.0
            @test b[:price][1] == 50.0
            @test_throws UsageError pages[:price][1] = 2.0
            @test_throws UsageError lease(identity, b)
            kill(engine, Base.SIGKILL)
            wait(engine)
            @test_throws IOFailure commit!(other)
            @test sum(pages[:price]) == 400.0
            pages[:price]
        end
        GC.gc()
        @test sum(held) == 400.0
        @test_throws IOFailure wait_epoch(b)
        @test_throws IOFailure lease(identity, b)
    end
end

@testset "commits on their way, batches, streams" begin
    serving("--state", "state") do _
        b = attach("book"; stream = 5, ring_bytes = 4096)
        for k in 1:200      # more than the ring holds
            b[:price][1] = k % 7 == 0 ? -1.0 : float(k)
            @test send!(b) == k
        end
        for k in 1:200
            a = answer!(b)
            @test (a.number, a.error isa RejectedError) == (k, k % 7 == 0)
        end
        @test_throws ErrorException batch(() -> (b[:rate] = 2.0; error("no")), b)
        before = epoch(b)
        @test batch(() -> (b[:rate] = 3.0; b[:qty] = 2), b; durable = true) == before + 1
        @test durable_epoch(b) >= before + 1
        @test send!(b; number = 201) == 201
        @test answer!(b).again
        close(b)    # a stream has one user
        @test last_number(attach("book"; stream = 5)) == 201
    end
end

end
