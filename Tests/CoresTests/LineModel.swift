import Cores

/// A line and what its users believe of it, driven by chance as the ``Engine`` drives it: members ask, take
/// others along, are interrupted, cancelled, and leave. The same seed gives the same schedule.
struct LineModel {
  enum Phase: Equatable {
    case idle, waiting, running, carried
  }

  struct Member {
    var owner: UInt64
    var phase = Phase.idle
    var unit = 0.0
    var left = 0.0
    var companions: [UInt64] = []
    /// Since when it waits for its unit to begin or go on.
    var since = 0.0
    /// Whether nobody asked for more: it ends when its unit does.
    var isCancelled = false
    /// Whether its thread comes back for another unit after each.
    var wantsMore = true
  }

  struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }

  private(set) var line = TurnLine()
  private(set) var members: [UInt64: Member] = [:]
  private(set) var now = 0.0
  /// The longest that anybody has waited.
  private(set) var longestWait = 0.0
  /// What is wrong, the first time that something is.
  private(set) var fault: String?
  var random: Random
  private var nextMember: UInt64 = 1
  /// When a turn that is kept is given up; made once for each time that it is kept.
  private var timer: Double?
  private let longUnits: Bool

  init(seed: UInt64, longUnits: Bool = true) {
    random = Random(state: seed)
    self.longUnits = longUnits
  }

  var running: UInt64? { members.first { $0.value.phase == .running }?.key }
  var waiting: [UInt64] { members.filter { $0.value.phase == .waiting }.keys.sorted() }
  private var idle: [UInt64] { members.filter { $0.value.phase == .idle }.keys.sorted() }

  private mutating func chance(_ share: Double) -> Bool {
    Double.random(in: 0..<1, using: &random) < share
  }

  mutating func join() {
    let member = nextMember
    nextMember += 1
    let owner = UInt64.random(in: 1...3, using: &random)
    members[member] = Member(owner: owner)
    line.join(member, owner: owner)
  }

  /// What a job says of itself before it asks.
  private mutating func need(_ unit: Double) -> Need {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: Need(remaining: Double.random(in: 0...1.4, using: &random), unit: unit)
    case 1: Need(due: now + Double.random(in: -1...5, using: &random), unit: unit)
    case 2: Need(unit: unit)
    default: Need(remaining: Double.random(in: 2...1_000, using: &random), unit: unit)
    }
  }

  mutating func ask(_ member: UInt64, _ given: Need? = nil) {
    var unit = Double.random(in: 0.005...0.4, using: &random)
    if longUnits, chance(0.2) { unit = Double.random(in: 0.6...3, using: &random) }
    let need = given ?? need(unit)
    members[member]?.unit = need.unit
    members[member]?.left = need.unit
    members[member]?.phase = .waiting
    members[member]?.since = now
    line.set(need, of: member)
    begin(line.ask(member, at: now))
  }

  /// Somebody is told that its turn begins.
  private mutating func begin(_ member: UInt64?) {
    guard let member else { return }
    guard members[member]?.phase == .waiting else {
      fault = fault ?? "\(member) got a turn that it did not wait for"
      return
    }
    if let other = running { fault = fault ?? "\(member) got the turn of \(other)" }
    longestWait = max(longestWait, now - (members[member]?.since ?? now))
    members[member]?.phase = .running
    timer = nil
    let fresh = members[member].map { $0.left == $0.unit && $0.companions.isEmpty } ?? false
    guard fresh, chance(0.5) else { return }
    let companions = line.companions(of: member, at: now).prefix(
      Int.random(in: 0...3, using: &random))
    for companion in companions where members[companion]?.phase != .waiting {
      fault = fault ?? "\(companion) would be taken along, and does not wait"
    }
    line.carry(Array(companions), with: member)
    for companion in companions {
      longestWait = max(longestWait, now - (members[companion]?.since ?? now))
      members[companion]?.phase = .carried
    }
    members[member]?.companions = Array(companions)
  }

  /// Computes for a while: to the end of the unit, or to a checkpoint in its middle.
  mutating func compute() {
    guard let member = running, let left = members[member]?.left else { return }
    let step = min(left, chance(0.5) ? left : Double.random(in: 0.01...0.3, using: &random))
    now += step
    members[member]?.left -= step
    guard left - step > 1e-9 else { return release(member, took: step) }
    let next = line.reconsider(member, took: step, at: now)
    guard next != member else { return }
    members[member]?.phase = .waiting
    members[member]?.since = now
    if next == nil { fault = fault ?? "\(member) gave its turn to nobody" }
    begin(next)
  }

  private mutating func release(_ member: UInt64, took seconds: Double) {
    let companions = members[member]?.companions ?? []
    members[member]?.companions = []
    for each in [member] + companions { members[each]?.phase = .idle }
    timer = nil
    begin(line.release(member, took: seconds, at: now))
    if line.isReserved { timer = now + 0.002 }
    for each in [member] + companions where members[each]?.isCancelled == true { leave(each) }
  }

  mutating func cancel(_ member: UInt64) {
    guard members[member]?.isCancelled == false else { return }
    members[member]?.isCancelled = true
    if line.withdraw(member) {
      if members[member]?.phase != .waiting {
        fault = fault ?? "\(member) withdrew, and did not wait"
      }
      members[member]?.phase = .idle
      leave(member)
    } else {
      begin(line.giveUp(member, at: now))
      if members[member]?.phase == .idle { leave(member) }
    }
  }

  mutating func leave(_ member: UInt64) {
    members[member] = nil
    begin(line.leave(member, at: now))
  }

  /// Time goes on with nobody at work, and the timer of a kept turn may end.
  private mutating func pause(_ seconds: Double) {
    now += seconds
    guard let timer, timer <= now else { return }
    self.timer = nil
    begin(line.giveUp(at: now))
  }

  /// One thing that may happen.
  mutating func step() {
    switch Int.random(in: 0..<20, using: &random) {
    case 0 where members.count < 9: join()
    case 1: if let member = members.keys.sorted().randomElement(using: &random) { cancel(member) }
    case 2: if let member = idle.randomElement(using: &random) { leave(member) }
    case 3...9: if let member = idle.randomElement(using: &random) { ask(member) }
    case 10: pause(Double.random(in: 0...0.01, using: &random))
    case 11: pause(Double.random(in: 0...10, using: &random) * (running == nil ? 1 : 0))
    default: running == nil ? pause(0.001) : compute()
    }
    check()
  }

  /// Nobody asks for more; until nobody waits.
  mutating func drain() {
    for _ in 0..<2_000 {
      guard !waiting.isEmpty || running != nil, fault == nil else { return }
      running == nil ? pause(0.001) : compute()
      check()
    }
    fault = fault ?? "\(waiting) wait for ever"
  }

  /// Everybody comes back at once for the unit that `need` tells of it; for so many seconds.
  mutating func saturate(until end: Double, _ need: (UInt64, Double) -> Need) {
    while now < end, fault == nil {
      for member in idle { ask(member, need(member, now)) }
      running == nil ? pause(0.001) : compute()
      check()
      for member in waiting {
        longestWait = max(longestWait, now - (members[member]?.since ?? now))
      }
    }
  }

  private mutating func check() {
    guard fault == nil else { return }
    if line.running != running {
      fault = "the line says \(line.running ?? 0) has the turn, which is \(running ?? 0)'s"
    }
    if line.waiting != waiting.count { fault = "\(line.waiting) wait, not \(waiting)" }
    if running == nil, timer == nil, !waiting.isEmpty {
      fault = "\(waiting) wait, nobody has the turn, and nothing will wake them"
    }
  }
}
