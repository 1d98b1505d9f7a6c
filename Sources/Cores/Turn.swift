/// The right to use all cores for a while: the pool's threads, and memory for activations.
///
/// Only the thread that the ``Engine`` gave it to may use it, and only until it is given back.
package struct Turn {
  package let pool: ComputePool
  package let arena: Arena
}
