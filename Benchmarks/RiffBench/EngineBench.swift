import Diffusion
import Foundation

/// The engine's rows, on one made-up checkpoint.
struct EngineBench {
  /// Threads that wait for work look for it for some milliseconds; after this they sleep.
  private static let pause = 0.15

  private let options: EngineOptions
  private let plan: StableDiffusionPlan
  private let scratch: Scratch

  init(_ options: EngineOptions) throws {
    self.options = options
    self.plan = try StableDiffusionPlan(folder: options.model)
    self.scratch = try Scratch(in: options.scratch)
  }

  /// Runs each part beside each peer, strictly in turn, and prints a table.
  func compare(_ parts: [EnginePart]) throws {
    let checkpoint = try self.scratch.checkpoint(of: self.plan, .f32)
    self.say(Comparison.header)
    for part in parts {
      let engine = try EngineRun(
        part, self.plan,
        SoloModel(
          directory: checkpoint, threads: self.options.threads,
          instructions: self.options.instructions, precision: self.options.precision))
      let peers = self.options.peerPython == nil ? [nil] : self.options.peers.map(Optional.some)
      for backend in peers {
        self.say(try self.compare(engine, backend).line)
      }
    }
  }

  /// Prints one table of a profile of one part.
  func profile(_ part: EnginePart, by table: (ModelProfile) -> String) throws {
    let checkpoint = try self.scratch.checkpoint(of: self.plan, .f32)
    let model = try SoloModel(
      directory: checkpoint, threads: self.options.threads,
      instructions: self.options.instructions, precision: self.options.precision)
    let engine = EngineRun(part, self.plan, model)
    let profile = try ModelProfile(
      model, runs: self.options.runs, threads: self.options.threads
    ) { _ = try engine.run() }
    self.say("\(part), GFLOP/s as if every convolution gathered its patches\n")
    self.say(table(profile))
  }

  private func compare(_ engine: EngineRun, _ backend: Peer.Backend?) throws -> Comparison {
    var comparison = Comparison(work: engine.part, flops: engine.flops, peer: backend)
    var peer: Peer?
    if let backend, let python = self.options.peerPython {
      peer = try Peer(self.options, python: python)
      let description = try peer?.prepare(engine.part, backend)
      self.note("\(engine.part.rawValue): \(description ?? "")")
    }
    _ = try engine.run()
    var peak = MatrixPeak(threads: self.options.threads)
    for _ in 0..<self.options.runs {
      peak.measure()
      Thread.sleep(forTimeInterval: Self.pause)
      let ours = try Stopwatch { _ = try engine.run() }
      Thread.sleep(forTimeInterval: Self.pause)
      let theirs = try peer?.run()
      comparison.add(ours, theirs)
      guard let theirs else { continue }
      Thread.sleep(forTimeInterval: Self.pause)
      self.note(
        "  ours \(Samples.format(ours.seconds)) s (CPU \(Samples.format(ours.cpuSeconds))), "
          + "theirs \(Samples.format(theirs.seconds)) s (\(Samples.format(theirs.cpuSeconds)))")
    }
    comparison.peak = peak.best
    return comparison
  }

  /// How far the U-Net's result is from f32's: with the weights as they are, and with every 64th channel
  /// of each layer's output scaled, as trained models have them.
  func errors() throws {
    self.say("| precision | relative error | with outliers of 30 | of 100 |\n|---|---|---|---|")
    var cells: [Precision: [String]] = [:]
    for outliers in [1, 30, 100] as [Float] {
      let checkpoint = try self.scratch.checkpoint(of: self.plan, .f32, outliers: outliers)
      defer { try? FileManager.default.removeItem(atPath: checkpoint) }
      func result(_ precision: Precision) throws -> [Float] {
        try EngineRun(
          .unet, self.plan,
          SoloModel(
            directory: checkpoint, threads: self.options.threads,
            instructions: self.options.instructions, precision: precision)
        ).run()
      }
      let exact = try result(.f32)
      let size = exact.reduce(0) { $0 + Double($1 * $1) }
      for precision in Precision.allCases where precision != .f32 {
        let error = zip(try result(precision), exact).reduce(0) {
          $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1))
        }
        cells[precision, default: []].append(String(format: "%.4f", (error / size).squareRoot()))
      }
    }
    for precision in Precision.allCases {
      guard let cells = cells[precision] else { continue }
      self.say("| \(precision.rawValue) | \(cells.joined(separator: " | ")) |")
    }
  }

  /// What is measured on a process from outside: memory and readiness.
  func wholes() throws {
    let halves = try self.scratch.checkpoint(of: self.plan, .f16)
    let picture = try ChildRun(.generate, checkpoint: halves, threads: self.options.threads)
    self.say("| whole | measured | target |\n|---|---|---|")
    self.say(
      "| peak memory of a 512 × 512 picture with guidance, f16 checkpoint "
        + "| \(Samples.format(picture.peakMemory)) GB | ≤ 3.5 GB |")
    let floats = try self.scratch.checkpoint(of: self.plan, .f32)
    var opened = Samples()
    var ready = Samples()
    for run in 0...self.options.runs {
      let child = try ChildRun(.load, checkpoint: floats, threads: self.options.threads)
      let daemon = try DaemonRun(
        model: floats, socket: "\(self.scratch.folder)/socket", threads: self.options.threads)
      guard run > 0 else { continue }
      opened.add(child.seconds)
      if let daemon { ready.add(daemon.seconds) }
    }
    self.say("| a new process to a 4 GB checkpoint opened, page cache warm | \(opened) s | ≤ 2 s |")
    if ready.best.isFinite {
      self.say("| riffd's start to its answer what that model is | \(ready) s | ≤ 2 s |")
    }
  }

  /// At once, also where the output is a file.
  private func say(_ text: String) {
    FileHandle.standardOutput.write(Data("\(text)\n".utf8))
  }

  /// How it goes, beside the tables.
  private func note(_ text: String) {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
  }
}
