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
      let engine = try EngineRun(part, self.plan, self.model(checkpoint, for: part))
      let named =
        self.options.peers.isEmpty ? part.peers(self.options.precision) : self.options.peers
      let peers = self.options.peerPython == nil ? [nil] : named.map(Optional.some)
      for backend in peers {
        self.say(try self.compare(engine, backend).line)
      }
    }
  }

  /// Prints one table of a profile of one part.
  func profile(_ part: EnginePart, by table: (ModelProfile) -> String) throws {
    let checkpoint = try self.scratch.checkpoint(of: self.plan, .f32)
    let model = try self.model(checkpoint, for: part)
    let engine = EngineRun(part, self.plan, model)
    let profile = try ModelProfile(
      model, runs: self.options.runs, threads: self.options.threads
    ) { _ = try engine.run() }
    self.say("\(part), GFLOP/s as if every convolution gathered its patches\n")
    self.say(table(profile))
  }

  private func model(_ checkpoint: String, for part: EnginePart) throws -> SoloModel {
    try SoloModel(
      directory: checkpoint,
      autoencoder: part == .tinyDecoder ? Scratch.tiny(in: checkpoint) : nil,
      threads: self.options.threads, instructions: self.options.instructions,
      precision: self.options.precision)
  }

  private func compare(_ engine: EngineRun, _ backend: Peer.Backend?) throws -> Comparison {
    var comparison = Comparison(
      work: engine.part, flops: engine.flops, peer: backend, precision: self.options.precision,
      instructions: self.options.instructions)
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
    var cells: [Precision: [String]] = [:]
    for outliers in [1, 30, 100] as [Float] {
      // What f16 leaves out of made-up weights, it leaves out on both sides.
      let checkpoint = try self.scratch.checkpoint(of: self.plan, .f16, outliers: outliers)
      defer { try? FileManager.default.removeItem(atPath: checkpoint) }
      func result(_ precision: Precision) throws -> [Float] {
        let start = ContinuousClock.now
        let result = try EngineRun(
          .unet, self.plan,
          SoloModel(
            directory: checkpoint, threads: self.options.threads,
            instructions: self.options.instructions, precision: precision)
        ).run()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        self.note(
          "outliers of \(Int(outliers)), \(precision.rawValue): \(Samples.format(seconds)) s")
        return result
      }
      let exact = try result(.f32)
      for precision in Precision.allCases where precision != .f32 {
        let error = Self.relativeError(try result(precision), exact)
        cells[precision, default: []].append(String(format: "%.4f", error))
      }
    }
    self.say("| precision | relative error | with outliers of 30 | of 100 |\n|---|---|---|---|")
    for precision in Precision.allCases {
      guard let cells = cells[precision] else { continue }
      self.say("| \(precision.rawValue) | \(cells.joined(separator: " | ")) |")
    }
  }

  private static func relativeError(_ values: [Float], _ exact: [Float]) -> Double {
    var (error, size) = (0.0, 0.0)
    for index in exact.indices {
      let difference = Double(values[index]) - Double(exact[index])
      error += difference * difference
      size += Double(exact[index]) * Double(exact[index])
    }
    return (error / size).squareRoot()
  }

  /// How far the autoencoder's pictures and latents are from f32's; beside PyTorch's in bf16 from its own in
  /// f32, with the same weights and inputs, where there is a Python.
  func autoencoderErrors() throws {
    let checkpoint = try self.scratch.checkpoint(of: self.plan, .f32)
    self.say("\n| work | of | relative error | PSNR, dB |\n|---|---|---|---|")
    for part in [EnginePart.decoder, .encoder, .tinyDecoder] {
      func result(_ precision: Precision) throws -> [Float] {
        try EngineRun(
          part, self.plan,
          SoloModel(
            directory: checkpoint,
            autoencoder: part == .tinyDecoder ? Scratch.tiny(in: checkpoint) : nil,
            threads: self.options.threads, instructions: self.options.instructions,
            precision: precision)
        ).run()
      }
      let exact = try result(.f32)
      let range = Double((exact.max() ?? 0) - (exact.min() ?? 0))
      let size = exact.reduce(0) { $0 + Double($1) * Double($1) }
      for precision in Precision.allCases where precision != .f32 {
        let error = Self.relativeError(try result(precision), exact)
        let psnr = 20 * log10(range / (error * (size / Double(exact.count)).squareRoot()))
        self.say(
          "| \(part) | ours, \(precision.rawValue) "
            + String(format: "| %.5f | %.1f |", error, psnr))
      }
      guard let python = self.options.peerPython else { continue }
      let figures = try Peer(self.options, python: python).errors(part, checkpoint: checkpoint)
      self.say(
        "| \(part) | PyTorch, bf16 " + String(format: "| %.5f | %.1f |", figures[0], figures[1]))
    }
  }

  /// How far whole pictures of a model are from those that it makes in f32, in dB.
  func pictures(of model: String) throws {
    let prompts = ["church bells", "funk bassline with a jazzy saxophone solo", "techno drum beat"]
    func pictures(_ precision: Precision) throws -> [[UInt8]] {
      let solo = try SoloModel(
        directory: model, threads: self.options.threads,
        instructions: self.options.instructions, precision: precision)
      return try prompts.map { prompt in
        try solo.generate(
          DiffusionRequest(
            prompt: prompt, seed: 1, steps: 20, guidanceScale: 4, width: solo.info.defaultWidth,
            height: solo.info.defaultHeight)
        ) { _ in }.pixels
      }
    }
    let exact = try pictures(.f32)
    self.say("\n| \(model), 20 steps | PSNR of each picture, dB |\n|---|---|")
    for precision in Precision.allCases where precision != .f32 {
      let ratios = zip(try pictures(precision), exact).map { picture, exact in
        let distance = PictureDistance.psnr(picture, exact)
        return distance.isInfinite ? "equal" : String(format: "%.1f", distance)
      }
      self.say("| \(precision.rawValue) | \(ratios.joined(separator: ", ")) |")
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
