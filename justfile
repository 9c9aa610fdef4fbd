# The commands a contributor needs; .ci/run runs the same.

# what runs before a change lands
ci:
    .ci/run

# quick: formatting, lints, tests
check:
    cargo fmt --all -- --check
    cargo clippy --all-targets -- -D warnings
    cargo test

# the whole job on loopback
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# take the picture in README anew (needs dunst, Xvfb, D-Bus, x11-apps and ImageMagick)
picture:
    cargo build --release
    docs/pictures/take

# kill the service many more times than the tests do
kills COUNT="1000":
    VIGIE_KILLS={{COUNT}} cargo test --release --test it -- kill --nocapture

# kill the service many more times while the receivers of its alerts flap
outbox-kills COUNT="1000":
    VIGIE_OUTBOX_KILLS={{COUNT}} cargo test --release --test it -- outbox::killed --nocapture

# how fast the outbox drains, and what channels cost that have nothing to do
drain:
    cargo test --release --test it -- drain:: outbox::a_hundred --ignored --nocapture --test-threads 1

# the disk as it may be found after a power loss, again and again, and what is lost without syncs (needs strace)
power-loss:
    cargo test --test it -- power_loss --ignored --nocapture

# accept changed snapshots of help texts and errors after looking at them
snapshots:
    INSTA_UPDATE=always cargo test --test it -- command_line
    git diff --stat -- tests

# post into real paste and forum programs on loopback and see the alerts (installs them in a cache folder)
real-sites *ARGS:
    cargo build --release
    python3 tests/real_sites/run target/release/vigie {{ARGS}}

# 2.5 GB through each shape of a long dump: memory must not grow
long-dumps:
    cargo test --release --test it long_dumps -- --include-ignored --nocapture

# alerts told to real programs and read by official clients (installs them: as root on Debian)
receivers *TESTS:
    tests/real_receivers/run --all {{TESTS}}

# captures stamped by a real authority and checked with public tools (needs openssl, age and jq)
evidence:
    cargo test --test it evidence -- --ignored

# every shape of a dump, under many keys
shapes:
    cargo test --test it every_shape_under_many_keys -- --ignored

# the fuzz corpus, changed at random for SECONDS a family
mutated SECONDS="600" SEED="1":
    VIGIE_FUZZ_SECONDS={{SECONDS}} VIGIE_FUZZ_SEED={{SEED}} cargo test --release --test it mutated -- --nocapture

# one target of the fuzzer, led by coverage (needs a nightly toolchain and cargo-fuzz)
fuzz TARGET="shapes" SECONDS="600":
    cargo +nightly fuzz run {{TARGET}} fuzz/corpus/{{TARGET}} -- -max_total_time={{SECONDS}} -timeout=1 -max_len=65536

# two thousand simulated sites at a time; --loris: what slow ones cost the others
many-sites *ARGS:
    cargo build --release
    python3 tests/real_sites/many target/release/vigie {{ARGS}}

# from posting to verdict, on simulated paste sites read at a 1 s interval
posted:
    cargo build --release
    python3 tests/real_sites/posted target/release/vigie

# posts a second through queue and verdicts
throughput:
    cargo test --release --test it throughput -- --ignored --nocapture

# what reading, matching and confinement cost
benches:
    cargo bench

# attribution held against thousands of simulated leaks; VIGIE_WORLDS sets how many worlds are drawn
calibration:
    cargo test --test it -- calibration --include-ignored --nocapture

# vigie against DuckDB, grep, ripgrep, Hyperscan and pyahocorasick, written to docs/benchmarks.md (--full: the sizes that count)
bench-peers *ARGS:
    cargo build --release
    python3 benches/peers.py {{ARGS}}

# instructions a byte of the hot loops against the kept figures (--record: keeps those of this build)
instructions *ARGS:
    cargo build --release
    python3 benches/instructions.py {{ARGS}}
