import Cores
import Diffusion
import Dispatch
import Foundation
import Synchronization
import Testing

/// Steps of several sessions in one run of the U-Net.
@Suite("A picture's bits do not depend on whose steps are made with its own")
struct TogetherTests {
  static let bundled = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Models/riff-mini").standardized.path

  /// Those whose products are our own.
  static let instructions = Instructions.allCases.filter { $0.isAvailable && $0 != .portable }

  /// Requests of unequal prompts, numbers of tokens, steps, schedulers and guidance, of which some have it at
  /// some steps only, and some reuse deep features.
  static func requests(
    _ count: Int, of model: SoloModel, width: Int, height: Int, steps: Int = 3
  ) -> [DiffusionRequest] {
    let prompts = [
      "church bells", "funk bassline with a (jazzy:1.3) saxophone solo", "techno",
      Array(repeating: "a violin and a slow piano", count: 20).joined(separator: ", "),
    ]
    let schedulers = [.euler, .heun, .ddim, .dpmSolver, .eulerAncestral, .uniPC]
      .filter { model.info.schedulers.contains($0) }
    return (0..<count).map { number in
      var request = DiffusionRequest(
        prompt: prompts[number % prompts.count], negativePrompt: number % 2 == 0 ? "" : "drums",
        seed: UInt64(number), steps: steps + number % 3,
        guidanceScale: number % 5 == 4 ? 1 : 3.5 + Double(number),
        scheduler: schedulers[number % schedulers.count], width: width, height: height)
      if number % 3 == 1 { request.guidanceInterval = GuidanceInterval(start: 0.4, stop: 0.8) }
      if number % 5 > 2 { request.deepCacheInterval = 2 }
      // Other numbers each, and none.
      if model.info.timeIDs > 0, number % 4 != 3 {
        request.timeIDs = (0..<model.info.timeIDs).map { Double(60 + 40 * number + 7 * $0) }
      }
      if number % 4 == 2 {
        request.initial = InitialPicture(
          image: RasterImage(
            width: 2, height: 2, pixels: (0..<12).map { UInt8(20 * $0) }), strength: 0.7)
        request.mask = KeepMask(width: 2, height: 1, levels: [0, 255])
      }
      return request
    }
  }

  /// `requests` by themselves and all in one, bit by bit.
  private func check(_ model: SoloModel, _ requests: [DiffusionRequest]) throws {
    let alone = try requests.map { try model.picture($0) { _ in } }
    for count in 1...requests.count {
      // Others in front of a picture and others behind.
      for first in Set([0, requests.count - count]) {
        let some = first..<first + count
        let together = try model.pictures(Array(requests[some]))
        for (one, other) in zip(together, alone[some]) {
          #expect(one.map(\.bitPattern) == other.map(\.bitPattern), "\(some)")
        }
      }
    }
  }

  @Test(arguments: [
    "sd1", "sd2", "sd1-f16", "sd1-bf16", "added-text", "text-time",
    "single-file/inpaint.safetensors",
  ])
  func allSizesOfAllArchitectures(name: String) throws {
    for threads in [1, 2, 3] {
      let model = try Fixture.model(name, threads: threads)
      try check(model, Self.requests(8, of: model, width: 32, height: 24))
    }
  }

  @Test(arguments: instructions, Precision.allCases)
  func theBundledModel(instructions: Instructions, precision: Precision) throws {
    let model = try SoloModel(
      directory: Self.bundled, threads: 2, instructions: instructions, precision: precision)
    try check(model, Self.requests(8, of: model, width: 256, height: 256, steps: 1))
  }

  @Test(arguments: [16, 48, 512, 528])
  func otherWidthsOfTheBundledModel(width: Int) throws {
    let model = try SoloModel(directory: Self.bundled, threads: 2)
    try check(model, Self.requests(5, of: model, width: width, height: 256, steps: 1))
  }

  /// By threads of their own that ask an engine for turns: the same bits, and steps were shared.
  @Test func sessionsOfManyThreads() async throws {
    let solo = try SoloModel(directory: Self.bundled, threads: 2)
    let requests = Self.requests(8, of: solo, width: 256, height: 256, steps: 12)
    let alone = try requests.map { try solo.picture($0) { _ in } }
    let engine = try Engine(threads: 2)
    let made = Mutex<[Int: [UInt8]]>([:])
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      let group = DispatchGroup()
      for (number, request) in requests.enumerated() {
        group.enter()
        DispatchQueue(label: "job \(number)").async {
          defer { group.leave() }
          guard let session = try? solo.model.begin(request) else { return }
          let seat = engine.seat(owner: UInt64(number))
          do {
            while session.next != nil { try session.advance(seat) { _ in } }
            let pixels = session.image.pixels
            made.withLock { $0[number] = pixels }
          } catch {
            Issue.record(error)
          }
        }
      }
      group.notify(queue: .global()) { done.resume() }
    }
    let pictures = made.withLock { $0 }
    for (number, values) in alone.enumerated() {
      let pixels = values.map { value in
        UInt8((min(max(value / 2 + 0.5, 0), 1) * 255).rounded(.toNearestOrEven))
      }
      #expect(pictures[number] == pixels, "\(number)")
    }
    if Instructions.best != .portable { #expect(engine.sharedUnits > 0) }
  }

  /// What is not finite in one picture's latents stays there.
  @Test(arguments: ["sd1", "added-text"])
  func aDamagedPictureHarmsNoOther(name: String) throws {
    let model = try Fixture.model(name)
    let embedding = try model.embedding(["church bells", "techno"])
    var noise = NoiseGenerator(seed: 1)
    var latents = noise.normal(2 * 12 * 16 * model.info.latentChannels)
    func predict() throws -> [Float] {
      try model.predict(
        latents, batch: 2, height: 12, width: 16, timestep: 500, embedding: embedding)
    }
    let sound = try predict()
    for index in latents.count / 2..<latents.count { latents[index] = .nan }
    let damaged = try predict()
    let half = sound.count / 2
    #expect(damaged[..<half].map(\.bitPattern) == sound[..<half].map(\.bitPattern))
    #expect(damaged[half...].allSatisfy { $0.isNaN })
  }
}
