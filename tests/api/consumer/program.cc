// SPDX-License-Identifier: Apache-2.0
// The same as program.c, in C++.
#include <mmsb.h>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>

static void must(mmsb_engine *e, mmsb_status s) {
    if (s != MMSB_OK) throw std::runtime_error(mmsb_message(e));
}

int main() {
    mmsb_options o{};
    mmsb_engine *opened = nullptr;
    o.struct_size = sizeof o;
    o.path = "g.mmsbx";
    mmsb_status status = mmsb_open(&o, &opened);
    std::unique_ptr<mmsb_engine, void (*)(mmsb_engine *)> e(opened, mmsb_free);
    must(e.get(), status);
    std::uint32_t total = 0;
    std::uint64_t root = 0;
    must(e.get(), mmsb_page_find(e.get(), "total", &total));
    must(e.get(), mmsb_line(e.get(), "x[2] = 1.5"));
    must(e.get(), mmsb_commit(e.get()));
    must(e.get(), mmsb_line(e.get(), "y = 2"));
    must(e.get(), mmsb_commit(e.get()));
    must(e.get(), mmsb_tick(e.get(), 1, nullptr));
    must(e.get(), mmsb_root(e.get(), &root));
    auto value = static_cast<const double *>(mmsb_view(e.get(), total, MMSB_F64));
    std::printf("epoch %llu total %.17g root 0x%016llx\n", (unsigned long long)mmsb_epoch(e.get()),
                *value, (unsigned long long)root);
    return 0;
}
