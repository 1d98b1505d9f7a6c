internal import Cores

extension DiffusionSession {
  /// Sessions whose steps are made together at most.
  static let mostTogether = 8
  /// Rows of the latents, over both halves of guidance, from which on a step by itself is as fast: what
  /// is saved is the work on weights and the waking of threads, which large maps repay. riff-mini's steps
  /// take 0.62 of the time with 512 rows, 0.69 with 1,024 and 0.95 with 2,048 (`riff-bench batching`).
  private static let mostRows = 1_024

  /// How many sessions' steps are made together with this one's; 1: none.
  ///
  /// Only where products are our own, whose rows do not depend on each other. Circular pictures are seen
  /// wider than they are, and by themselves.
  var mostTogether: Int {
    guard circle == nil, conditioning != nil,
      ProductLibrary.best(with: .best) == .own
    else { return 1 }
    let rows = items.count * latents.withTensor { $0.rowsPerItem }
    return rows <= Self.mostRows ? Self.mostTogether : 1
  }

  /// Whether the steps of both can be made together: the same weights, what runs beside them included,
  /// latents of one size, and both with the deep layers or without. Anything else may differ: steps and their
  /// number, scheduler, guidance, prompts and their length, masks.
  func sharesSteps(with other: DiffusionSession) -> Bool {
    let (own, others) = (checkpoint.unet.weights, other.checkpoint.unet.weights)
    return mostTogether > 1 && other.mostTogether > 1
      && latents.withTensor { own in other.latents.withTensor { own.shaped(like: $0) } }
      && isShallow == other.isShallow && adapters == other.adapters
      && own.count == others.count && zip(own, others).allSatisfy { $0 === $1 }
  }

  /// Makes the next step of each session, which is denoising, in one run of the U-Net; all of them are
  /// shallow, or none is.
  ///
  /// Throws before any session has changed. Returns what went wrong with each of them afterwards.
  static func denoise(
    _ sessions: [DiffusionSession], _ compute: Compute
  ) throws(DiffusionError) -> [DiffusionError?] {
    var compute = compute
    compute.adapters = sessions.first?.adapterSet
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let output = try predict(sessions, compute)
    return step(sessions, by: output, compute)
  }

  /// Moves the latents of sessions on by the predictions for them; returns what went wrong with each.
  static func step(
    _ sessions: [DiffusionSession], by output: Tensor, _ compute: Compute
  ) -> [DiffusionError?] {
    var item = 0
    var errors: [DiffusionError?] = []
    for session in sessions {
      let count = session.items.count
      do throws(DiffusionError) {
        try session.step(by: output.items(item..<item + count), compute)
        errors.append(nil)
      } catch {
        errors.append(error)
      }
      item += count
    }
    return errors
  }

  /// The step that is next, from 0.
  private var step: Int {
    guard case .denoise(let step, _) = next else { preconditionFailure("no step is next") }
    return step
  }

  /// The index of the timestep that is next.
  private var index: Int { indices.lowerBound + step }

  /// Whether the next step reuses features of one before.
  var isShallow: Bool { stepKinds[step].isShallow }

  /// The prompts that the next step is made with: where a guided session has a step without guidance, only
  /// the one to paint.
  private var items: Range<Int> {
    let prompts = conditioning?.batch ?? 0
    return (stepKinds[step].isGuided ? 0 : max(prompts - 1, 0))..<prompts
  }

  /// The U-Net's predictions for the items of all sessions, one after the other.
  static func predict(
    _ sessions: [DiffusionSession], _ compute: Compute
  ) throws(DiffusionError) -> Tensor {
    let conditionings = sessions.compactMap(\.conditioning)
    guard conditionings.count == sessions.count, let first = sessions.first else {
      throw .internal("a step was run without a prompt")
    }
    let unet = first.checkpoint.unet
    let ranges = sessions.map(\.items)
    let items = ranges.map(\.count)
    do {
      let size = first.latents.withTensor { $0 }
      let input = try compute.arena.tensor(
        batch: items.reduce(0, +), height: size.height,
        width: first.circle?.seen.count ?? size.width,
        channels: unet.configuration.inChannels)
      let output = try compute.arena.tensor(like: input, channels: size.channels)
      var item = 0
      for (session, count) in zip(sessions, items) {
        try session.latents.withTensor { latents in
          try session.fill(input.items(item..<item + count), with: latents, compute)
        }
        item += count
      }
      let deepLayers = try deepLayers(sessions, items, like: input, of: unet, compute)
      try Conditioning.withContext(of: conditionings, items: ranges) { context in
        try unet.forward(
          input, timesteps: sessions.map { $0.scheduler.timesteps[$0.index] }, items: items,
          context: context, deepLayers: deepLayers, into: output, compute)
      }
      return output
    } catch let error as DiffusionError {
      throw error
    } catch {
      throw .internal("\(error)")
    }
  }

  /// What the run does about the deep layers: the sessions' features from before in its batch's order, or
  /// they are kept where a session wants them.
  private static func deepLayers(
    _ sessions: [DiffusionSession], _ items: [Int], like input: Tensor,
    of unet: UNet2DConditionModel, _ compute: Compute
  ) throws -> DeepLayers {
    guard sessions.contains(where: \.isShallow) else {
      return .run { (features: Tensor) throws(DiffusionError) in
        var item = 0
        for (session, count) in zip(sessions, items) {
          try session.deepFeatures?.keep(features.items(item..<item + count))
          item += count
        }
      }
    }
    let features = try compute.arena.tensor(like: input, channels: unet.deepChannels)
    var item = 0
    for (session, count) in zip(sessions, items) {
      guard let own = session.deepFeatures, session.isShallow else {
        throw DiffusionError.internal("a whole step was to be made together with a shallow one")
      }
      try own.copy(to: features.items(item..<item + count))
      item += count
    }
    return .reuse(features)
  }

  /// Moves the latents on by the prediction for each of the session's items.
  private func step(by output: Tensor, _ compute: Compute) throws(DiffusionError) {
    if output.batch == 2 {
      Self.guide(output.item(0), toward: output.item(1), scale: Float(request.guidanceScale))
    }
    do {
      try latents.withTensor { latents in
        let prediction =
          try circle.map { try Self.joined(output.item(0), $0.seen, like: latents, compute) }
          ?? output.item(0)
        scheduler.step(index, output: prediction, sample: latents, noise: &noise)
        try kept?.restore(in: latents, after: index, of: scheduler, compute)
      }
    } catch let error as DiffusionError {
      throw error
    } catch {
      throw .internal("\(error)")
    }
  }

  /// What the U-Net is to see, for every item of its batch: the latents' columns, or those of the circle.
  private func fill(
    _ input: Tensor, with latents: Tensor, _ compute: Compute
  ) throws(DiffusionError) {
    guard beside != nil || circle != nil else {
      for item in 0..<input.batch {
        scheduler.scaleModelInput(latents, step: index, into: input.item(item))
      }
      return
    }
    let mark = compute.arena.mark()
    defer { compute.arena.release(to: mark) }
    let scaled = try compute.arena.tensor(like: latents)
    scheduler.scaleModelInput(latents, step: index, into: scaled)
    let sources = Self.pixels(of: latents, circle?.seen.map(\.column))
    for item in 0..<input.batch {
      let item = input.item(item)
      for (pixel, source) in sources.enumerated() {
        item.row(pixel).update(from: scaled.row(source), count: latents.channels)
        beside?.withTensor { beside in
          (item.row(pixel) + latents.channels).update(
            from: beside.row(source), count: beside.channels)
        }
      }
    }
  }

  /// The pixels of some columns of a map, row by row; of all columns where none are named.
  static func pixels(of map: Tensor, _ columns: [Int]?) -> [Int] {
    let columns = columns ?? Array(0..<map.width)
    return (0..<map.height).flatMap { row in columns.map { row * map.width + $0 } }
  }

  /// What is said at every place of a circular picture's columns, together.
  private static func joined(
    _ output: Tensor, _ seen: [CircularColumns.Seen], like latents: Tensor, _ compute: Compute
  ) throws(DiffusionError) -> Tensor {
    let joined = try compute.arena.tensor(like: latents)
    joined.data.update(repeating: 0, count: joined.count)
    for row in 0..<latents.height {
      for (place, seen) in seen.enumerated() where seen.share > 0 {
        let source = output.row(row * output.width + place)
        let target = joined.row(row * joined.width + seen.column)
        for channel in 0..<latents.channels { target[channel] += seen.share * source[channel] }
      }
    }
    return joined
  }

  /// Classifier-free guidance, in place. Ho and Salimans, 2022 (arXiv:2207.12598).
  private static func guide(_ unconditional: Tensor, toward conditional: Tensor, scale: Float) {
    for index in 0..<unconditional.count {
      let base = unconditional.data[index]
      unconditional.data[index] = base + scale * (conditional.data[index] - base)
    }
  }
}
