// SPDX-License-Identifier: Apache-2.0
// A reader of the bus NAME in C++: the total in place, and in a lease.
#include <mmsb_bus.h>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>

static void must(mmsb_bus *b, mmsb_status s) {
    if (s != MMSB_OK) throw std::runtime_error(mmsb_bus_message(b));
}

int main(int, char **words) {
    mmsb_bus_options o{};
    mmsb_bus *attached = nullptr;
    o.struct_size = sizeof o;
    o.name = words[1];
    mmsb_status status = mmsb_bus_attach(&o, &attached);
    std::unique_ptr<mmsb_bus, void (*)(mmsb_bus *)> b(attached, mmsb_bus_free);
    must(b.get(), status);
    std::uint32_t total = 0;
    std::uint64_t epoch = 0;
    must(b.get(), mmsb_bus_page_find(b.get(), "total", &total));
    mmsb_bus_mark mark;
    double seen;
    do {
        must(b.get(), mmsb_bus_view_begin(b.get(), &mark));
        seen = *static_cast<const double *>(mmsb_bus_view(b.get(), total, MMSB_F64));
    } while (!mmsb_bus_view_end(b.get(), &mark));
    must(b.get(), mmsb_bus_lease(b.get(), UINT64_MAX, &epoch));
    double leased = *static_cast<const double *>(mmsb_bus_leased(b.get(), total, MMSB_F64));
    must(b.get(), mmsb_bus_lease_end(b.get()));
    std::printf("epoch %llu total %.17g\n", (unsigned long long)mark.epoch, seen);
    return seen == leased && epoch == mark.epoch ? 0 : 1;
}
