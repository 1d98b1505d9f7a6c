internal import Cores
internal import COpenBLAS

/// What a layer needs to run: threads, memory for what it makes, and the CPU's instructions.
struct Compute {
  let pool: ComputePool
  let arena: Arena
  /// Only while a profile is made (``SoloModel/profile(_:)``).
  var clock: LayerClock?
  var instructions = Instructions.best
  /// For tests: how convolutions and products run, where not as ``ConvolutionAlgorithm`` and
  /// ``ProductLibrary`` find best.
  var algorithm: ConvolutionAlgorithm?
  var library: ProductLibrary?

  /// Every slice makes its own products, so OpenBLAS itself is to use one thread; once a process.
  private static let oneThreadEach: Void = openblas_set_num_threads(1)

  /// Multiplications below which waking another thread costs more than it saves.
  static let smallestShared = 1 << 18

  init(_ turn: Turn) { self.init(pool: turn.pool, arena: turn.arena) }

  init(pool: ComputePool, arena: Arena) {
    _ = Self.oneThreadEach
    self.pool = pool
    self.arena = arena
  }

  /// The time from here to `end` is that of a layer of this kind; see ``Layer`` for its shape.
  func begin(_ kind: LayerKind, rows: Int, inputs: Int, outputs: Int) {
    clock?.begin(Layer(kind: kind, rows: rows, inputs: inputs, outputs: outputs))
  }

  func end() { clock?.end() }
}
