/// What a layer needs to run: threads, and memory for what it makes.
struct Compute {
  let pool: ComputePool
  let arena: Arena
}
