internal import Cores
internal import COpenBLAS

/// What a layer needs to run: threads, memory for what it makes, and the CPU's instructions.
struct Compute {
  let pool: ComputePool
  let arena: Arena
  /// Only while a profile is made (``SoloModel/profile(_:)``).
  var clock: LayerClock?
  /// What runs beside the layers' weights.
  var adapters: AdapterSet?
  var instructions = Instructions.best
  /// For tests: how convolutions and products run, where not as ``ConvolutionAlgorithm`` and
  /// ``ProductLibrary`` find best.
  var algorithm: ConvolutionAlgorithm?
  var library: ProductLibrary?
  /// Where what a layer makes is some of the columns of a wider map: the columns of that. How a convolution is made
  /// depends on its map's size, and so a part is made as the whole would be, bit by bit.
  var fullWidth: Int?

  /// Every slice makes its own products, so OpenBLAS itself is to use one thread; once a process.
  private static let oneThreadEach: Void = openblas_set_num_threads(1)

  /// Multiplications below which waking another thread costs more than it saves.
  static let smallestShared = 1 << 18

  private var turn: Turn?

  init(_ turn: Turn) {
    self.init(pool: turn.pool, arena: turn.arena)
    self.turn = turn
  }

  init(pool: ComputePool, arena: Arena) {
    _ = Self.oneThreadEach
    self.pool = pool
    self.arena = arena
  }

  /// Lets other jobs go first where it is their turn. Every layer begins with it.
  ///
  /// Throws `interrupted` once the job was cancelled.
  func pause() throws(DiffusionError) {
    do {
      try turn?.checkpoint()
    } catch {
      throw .interrupted
    }
  }

  /// In how many parts a product of so many multiplications is made, with a pause between them, so that
  /// each takes some tenths of a second at most.
  func parts(_ multiplications: Double) -> Int { 1 + Int(multiplications / Self.largestPart) }

  private static let largestPart = 1.6e10

  /// The time from here to `end` is that of a layer of this kind; see ``Layer`` for its shape.
  func begin(_ kind: LayerKind, rows: Int, inputs: Int, outputs: Int) {
    clock?.begin(Layer(kind: kind, rows: rows, inputs: inputs, outputs: outputs))
  }

  func end() { clock?.end() }
}
