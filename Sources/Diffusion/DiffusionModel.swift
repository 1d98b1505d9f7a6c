internal import Synchronization

/// A checkpoint folder in diffusers' layout, ready to make pictures on the CPU in f32.
///
/// The parts are chosen by the classes that its files name. One picture is made at a time; a second
/// caller waits. Same request, machine and thread count give the same bytes.
public final class DiffusionModel: Sendable {
  public let info: DiffusionModelInfo

  let checkpoint: Checkpoint
  private let engine: Mutex<Engine>

  /// What running takes besides the weights: confined to whoever holds the lock.
  private struct Engine: ~Copyable {
    var compute: Compute
  }

  /// Maps the files and checks them against their configuration; large weights are prepared when
  /// they are first needed.
  ///
  /// Throws ``DiffusionError`` of kind `checkpoint` naming the file, and the tensor if it is one.
  public convenience init(directory: String, threads: Int) throws(DiffusionError) {
    try self.init(directory: directory, threads: threads, instructions: .best)
  }

  /// The same with given instructions, which this CPU must have: for benchmarks.
  package init(
    directory: String, threads: Int, instructions: Instructions
  ) throws(DiffusionError) {
    guard instructions.isAvailable else {
      throw .invalid("instructions", "this CPU does not have \(instructions)")
    }
    guard 1...1024 ~= threads else {
      throw .invalid("threads", "\(threads) is outside 1 to 1024")
    }
    checkpoint = try Checkpoint(directory: directory)
    info = checkpoint.info
    let pool = try ComputePool(threads: threads)
    try checkpoint.prepareSmallWeights(pool)
    var compute = Compute(pool: pool, arena: Arena())
    compute.instructions = instructions
    engine = Mutex(Engine(compute: compute))
  }

  /// Makes a picture; blocks until it is done, so call it on a thread of its own.
  ///
  /// `progress` runs before every denoising step and after the last, and between the parts of
  /// decoding; what it throws ends the work. It must not call this model.
  ///
  /// Throws ``DiffusionError``: `invalidArgument` naming a field of the request, or `internal`.
  public func generate(
    _ request: DiffusionRequest, progress: (DiffusionProgress) throws -> Void
  ) throws -> RGBImage {
    let picture = try picture(request, progress: progress)
    // diffusers: (x / 2 + 0.5) clamped to 0 … 1, times 255, rounded half to even.
    let pixels = picture.map { value in
      UInt8((min(max(value / 2 + 0.5, 0), 1) * 255).rounded(.toNearestOrEven))
    }
    return RGBImage(width: request.width, height: request.height, pixels: pixels)
  }

  /// The picture before it becomes 8-bit: 3 · width · height values, about −1 … 1.
  package func picture(
    _ request: DiffusionRequest, progress: (DiffusionProgress) throws -> Void
  ) throws -> [Float] {
    try request.validate(for: info)
    return try withCompute { compute in
      try Pipeline(checkpoint: checkpoint, compute: compute).picture(request, progress: progress)
    }
  }

  /// Runs `body` with the model's threads and memory, alone.
  func withCompute<Result: Sendable>(
    _ body: (Compute) throws -> Result
  ) throws -> Result {
    try engine.withLock { engine in
      engine.compute.begin(.other, rows: 0, inputs: 0, outputs: 0)
      defer {
        engine.compute.end()
        engine.compute.arena.rewind()
      }
      return try body(engine.compute)
    }
  }

  /// From here to `stopClock` layers are timed.
  func startClock() {
    engine.withLock { $0.compute.clock = LayerClock() }
  }

  func stopClock() -> [LayerTiming] {
    engine.withLock { engine in
      defer { engine.compute.clock = nil }
      return engine.compute.clock?.timings ?? []
    }
  }
}
