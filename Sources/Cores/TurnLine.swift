/// Whose turn it is: a pure state machine, told of time by its callers.
///
/// Connections get equal shares of the cores while they want them, and the jobs of one connection get
/// equal shares of its own (start-time fair queueing: Goyal, Vin and Cheng, 1996). Jobs that are nearly
/// done, or whose sound is due soon, go before those that have minutes left; of the time that these
/// wait, a quarter is theirs all the same. Who has waited for long is served now and then, whatever its
/// connection has had, so nobody starves.
///
/// Who has the turn may take others along, whose units are done in it together with its own; they pay
/// equal parts of its time.
package struct TurnLine {
  package typealias Member = UInt64
  package typealias Owner = UInt64

  private struct Place {
    let owner: Owner
    var need = Need()
    /// Seconds of the cores that it has had, set forward to its owner's other jobs when it joins.
    var share: Double
    /// When it had the cores last.
    var lastTurn = -Double.infinity
    var isWaiting = false
    /// Whether it waits in the middle of a unit, with what that needs in memory.
    var isMidway = false
    /// Whether its unit is done in another's turn.
    var isCarried = false
    /// Whom its turn takes along.
    var companions: [Member] = []
    /// Since when it waits.
    var since = 0.0
    /// Breaks ties: who waits longer goes first.
    var arrival: UInt64 = 0
  }

  /// A unit that takes longer is only begun when no other one waits in its middle: what both need in
  /// memory would add up. Seconds.
  package static let shortUnit = 0.5
  /// Turns change hands between equals no sooner, in the middle of a unit. Seconds.
  package static let longestTurn = 0.5
  /// For every second of an urgent job, so much is owed to the patient ones that wait.
  private static let patientShare = 1.0 / 3
  /// What is owed is paid when it is as much, and never more than the second. Seconds.
  private static let debtToPay = 0.1
  private static let largestDebt = 1.0
  /// Who has had so much more than the one whose turn it is, or whose connection has, is not taken
  /// along: else a connection with many jobs would get as many parts of each turn. Seconds.
  private static let largestLead = 0.25
  /// Between two turns of an owner, or a job, that wants them all the time lies less. Seconds.
  private static let longestPause = 0.1
  /// Who has waited for so long goes before those that are as urgent; then nobody else does for the second, and
  /// for as many times as long as its unit takes. Seconds.
  private static let longWait = 30.0
  private static let reliefPause = 5.0
  private static let reliefUnits = 20.0

  private var places: [Member: Place] = [:]
  private var owners: [Owner: Double] = [:]
  /// When each had the cores last.
  private var lastTurns: [Owner: Double] = [:]
  private var debt = 0.0
  private var arrivals: UInt64 = 0
  /// When somebody who has waited for long may be served again.
  private var nextRelief = -Double.infinity
  /// Seconds that the running turn has taken.
  private var turn = 0.0
  /// Who has the turn.
  package private(set) var running: Member?
  /// Members between two units of theirs for whom the turn is kept until they are back, or it is said that
  /// they took too long.
  private var reserved: Set<Member> = []

  package init() {}

  /// Whether anybody waits.
  package var isContested: Bool { places.values.contains { $0.isWaiting } }
  /// How many wait.
  package var waiting: Int { places.values.count { $0.isWaiting } }

  /// Whether a member has the turn, a part in another's, or waits for it.
  private func isActive(_ member: Member, _ place: Place) -> Bool {
    place.isWaiting || place.isCarried || running == member
  }

  /// Members that wait for a turn or have it, besides `member`, and are to be served before it as
  /// things stand.
  package func ahead(of member: Member, at now: Double) -> Int {
    guard let place = places[member] else { return 0 }
    let own = rank(member, place, now)
    return places.count {
      $0.key != member && isActive($0.key, $0.value)
        && (!$0.value.isWaiting || rank($0.key, $0.value, now) < own)
    }
  }

  /// An estimate of the seconds until a member is done: what it needs itself, and what the others take
  /// meanwhile, each at most as much. Nil where it does not know what it needs.
  package func secondsLeft(of member: Member) -> Double? {
    guard let own = places[member]?.need.remaining else { return nil }
    return places.reduce(own) { sum, other in
      guard other.key != member, isActive(other.key, other.value) else { return sum }
      return sum + min(own, other.value.need.remaining ?? own)
    }
  }

  package mutating func join(_ member: Member, owner: Owner) {
    let shares = places.values.filter { $0.owner == owner }.map(\.share)
    if owners[owner] == nil { owners[owner] = owners.values.min() ?? 0 }
    places[member] = Place(owner: owner, share: shares.min() ?? 0)
  }

  /// Returns whose turn it is now, if it was kept for nobody else any more.
  package mutating func leave(_ member: Member, at now: Double) -> Member? {
    guard let place = places.removeValue(forKey: member) else { return nil }
    let hadTurn = running == member
    if hadTurn { running = nil }
    for companion in place.companions { places[companion]?.isCarried = false }
    if !places.values.contains(where: { $0.owner == place.owner }) {
      owners[place.owner] = nil
      lastTurns[place.owner] = nil
    }
    if hadTurn {
      reserved = []
      return grant(at: now)
    }
    return giveUp(member, at: now)
  }

  /// Whether the turn is kept for somebody.
  package var isReserved: Bool { running == nil && !reserved.isEmpty }

  /// A member for whom the turn may have been kept does not come back; returns whose turn it is now.
  package mutating func giveUp(_ member: Member, at now: Double) -> Member? {
    guard reserved.remove(member) != nil, reserved.isEmpty else { return nil }
    return running == nil ? grant(at: now) : nil
  }

  /// Nobody for whom the turn is kept has come; returns whose turn it is now.
  package mutating func giveUp(at now: Double) -> Member? {
    guard isReserved else { return nil }
    // Also where nobody waits any more: who comes next is to find the turn free.
    reserved = []
    return grant(at: now)
  }

  package mutating func set(_ need: Need, of member: Member) { places[member]?.need = need }

  package func need(of member: Member) -> Need? { places[member]?.need }

  /// Asks for a turn; true where it is had at once.
  package mutating func request(_ member: Member, at now: Double) -> Bool {
    ask(member, at: now) == member
  }

  /// Asks for a turn; returns whose turn begins with that. It may be another's: of one that waited while the
  /// turn was kept for this one, and comes first all the same. Nil: nobody's.
  package mutating func ask(_ member: Member, at now: Double) -> Member? {
    wait(member, midway: false, at: now)
    let isExpected = reserved.remove(member) != nil
    guard running == nil,
      isExpected || reserved.isEmpty || places[member]?.need.isUrgent(at: now) == true
    else { return nil }
    return grant(at: now)
  }

  private mutating func wait(_ member: Member, midway: Bool, at now: Double) {
    guard let place = places[member] else { return }
    // Who did not want the cores for a while has not saved them up.
    let active = places.filter { isActive($0.key, $0.value) }.map(\.value.owner)
    if !active.contains(place.owner),
      now - (lastTurns[place.owner] ?? -.infinity) > Self.longestPause
    {
      if let least = active.compactMap({ owners[$0] }).min() {
        owners[place.owner] = max(owners[place.owner] ?? 0, least)
      }
    }
    if now - place.lastTurn > Self.longestPause {
      let others = places.filter {
        $0.key != member && $0.value.owner == place.owner && isActive($0.key, $0.value)
      }
      if let least = others.values.map(\.share).min() {
        places[member]?.share = max(place.share, least)
      }
    }
    arrivals += 1
    places[member]?.isWaiting = true
    places[member]?.isMidway = midway
    places[member]?.since = now
    places[member]?.arrival = arrivals
  }

  /// Withdraws the wish for a turn; false where it does not wait (any more), or where others' units
  /// wait with its own.
  package mutating func withdraw(_ member: Member) -> Bool {
    guard let place = places[member], place.isWaiting, place.companions.isEmpty else {
      return false
    }
    places[member]?.isWaiting = false
    places[member]?.isMidway = false
    return true
  }

  /// Those that `member`, who has the turn, may take along, who comes first before: they wait for a unit
  /// to begin, are as urgent as it is, and not ahead of it.
  package func companions(of member: Member, at now: Double) -> [Member] {
    guard let own = places[member] else { return [] }
    let isUrgent = own.need.isUrgent(at: now)
    return places.compactMap { other, place -> Rank? in
      guard place.isWaiting, !place.isMidway, place.need.isUrgent(at: now) == isUrgent,
        lead(of: place, over: own) <= Self.largestLead
      else { return nil }
      return rank(other, place, now)
    }.sorted().map(\.member)
  }

  /// Seconds that a job has had more than another of its connection, or its connection than another.
  private func lead(of place: Place, over other: Place) -> Double {
    guard place.owner != other.owner else { return place.share - other.share }
    return (owners[place.owner] ?? 0) - (owners[other.owner] ?? 0)
  }

  /// Takes along members that wait, until the turn of `member` ends.
  package mutating func carry(_ companions: [Member], with member: Member) {
    guard running == member else { return }
    for companion in companions where places[companion]?.isWaiting == true {
      places[companion]?.isWaiting = false
      places[companion]?.isCarried = true
      places[member]?.companions.append(companion)
    }
  }

  /// Leaves a member behind that was taken along, as if it never had been; it waits again, if it wants
  /// to.
  package mutating func leaveBehind(_ companion: Member, by member: Member, waits: Bool) {
    places[member]?.companions.removeAll { $0 == companion }
    places[companion]?.isCarried = false
    places[companion]?.isWaiting = waits
  }

  /// Ends the running turn, `seconds` after it began or was last reconsidered; returns whose turn it is
  /// now. It is kept (``isReserved``) for an urgent member that is about to ask for its next one, if only
  /// patient ones wait, and for one that has had much less than those that do: whoever waits would get a
  /// piece of the cores after each of its units, beyond its part.
  package mutating func release(_ member: Member, took seconds: Double, at now: Double) -> Member? {
    guard running == member else { return nil }
    charge(member, seconds, now)
    let companions = places[member]?.companions ?? []
    for companion in companions { places[companion]?.isCarried = false }
    places[member]?.companions = []
    running = nil
    if let next = best(eligible(at: now), now).flatMap({ places[$0] }) {
      reserved = Set(([member] + companions).filter { goesOn($0, before: next, now) })
      if !reserved.isEmpty { return nil }
    }
    return grant(at: now)
  }

  /// Whether a member that has just had the cores, and will soon ask for them again, is not to lose them
  /// to `next`, which waits.
  private func goesOn(_ member: Member, before next: Place, _ now: Double) -> Bool {
    guard let place = places[member] else { return false }
    let isUrgent = place.need.isUrgent(at: now)
    guard isUrgent == next.need.isUrgent(at: now) else {
      return isUrgent && debt < Self.debtToPay
    }
    return lead(of: next, over: place) > Self.largestLead
  }

  /// In the middle of a unit, `seconds` after the turn began or was last reconsidered: whose turn it is
  /// now. If it is another's, `member` waits for its next one.
  package mutating func reconsider(
    _ member: Member, took seconds: Double, at now: Double
  ) -> Member? {
    guard running == member, let place = places[member] else { return member }
    charge(member, seconds, now)
    turn += seconds
    guard isContested else { return member }
    let others = eligible(midway: true, at: now)
    guard let next = best(others.union([member]), now), next != member, let other = places[next]
    else { return member }
    guard
      place.need.isUrgent(at: now) != other.need.isUrgent(at: now)
        || turn >= Self.longestTurn
    else { return member }
    running = nil
    wait(member, midway: true, at: now)
    begin(next, at: now)
    return next
  }

  /// Those that may have the turn now. While a long unit is held up because another one waits in its
  /// middle, no short one begins that is as urgent and has had much more, or such units would follow each
  /// other for ever, always one of them in its middle.
  private func eligible(midway: Bool? = nil, at now: Double) -> Set<Member> {
    let waiting = places.filter(\.value.isWaiting)
    guard midway ?? waiting.values.contains(where: \.isMidway) else { return Set(waiting.keys) }
    let heldUp = waiting.values.filter { !$0.isMidway && $0.need.unit > Self.shortUnit }
    return Set(
      waiting.filter { _, place in
        if place.isMidway { return true }
        guard place.need.unit <= Self.shortUnit else { return false }
        let isUrgent = place.need.isUrgent(at: now)
        return !heldUp.contains {
          $0.need.isUrgent(at: now) == isUrgent
            && (isOverdue($0, now) || lead(of: place, over: $0) > Self.longestTurn)
        }
      }.keys)
  }

  private mutating func grant(at now: Double) -> Member? {
    guard let next = best(eligible(at: now), now) else { return nil }
    begin(next, at: now)
    return next
  }

  /// Whether a member that waits has waited for long, and it is time for such a one.
  private func isOverdue(_ place: Place, _ now: Double) -> Bool {
    place.isWaiting && now - place.since >= Self.longWait && now >= nextRelief
  }

  private mutating func begin(_ member: Member, at now: Double) {
    if let place = places[member], isOverdue(place, now) {
      nextRelief = now + max(Self.reliefPause, Self.reliefUnits * place.need.unit)
    }
    places[member]?.isWaiting = false
    places[member]?.isMidway = false
    running = member
    reserved = []
    turn = 0
  }

  private mutating func charge(_ member: Member, _ seconds: Double, _ now: Double) {
    guard let place = places[member] else { return }
    let part = seconds / Double(place.companions.count + 1)
    for payer in [member] + place.companions {
      guard let owner = places[payer]?.owner else { continue }
      lastTurns[owner] = now
      places[payer]?.lastTurn = now
      places[payer]?.share += part
      owners[owner, default: 0] += part
    }
    if place.need.isUrgent(at: now) {
      let waits = places.values.contains { $0.isWaiting && !$0.need.isUrgent(at: now) }
      debt = waits ? min(debt + seconds * Self.patientShare, Self.largestDebt) : 0
    } else {
      debt = max(0, debt - seconds)
    }
  }

  /// Accounts for seconds of the cores that a member has had beside the turns.
  package mutating func charge(_ member: Member, beside seconds: Double) {
    guard let owner = places[member]?.owner else { return }
    places[member]?.share += seconds
    owners[owner, default: 0] += seconds
  }

  /// The one that goes first.
  private func best(_ members: Set<Member>, _ now: Double) -> Member? {
    let ranked = members.compactMap { member in
      places[member].map { rank(member, $0, now) }
    }
    return ranked.min()?.member
  }

  private struct Rank: Comparable {
    let isLater: Bool
    /// Of one that has waited for long, since when; infinity: not so long.
    let overdueSince: Double
    let ownersShare: Double
    let share: Double
    let arrival: UInt64
    let member: Member

    static func < (one: Rank, other: Rank) -> Bool {
      if one.isLater != other.isLater { return other.isLater }
      if one.overdueSince != other.overdueSince { return one.overdueSince < other.overdueSince }
      if one.ownersShare != other.ownersShare { return one.ownersShare < other.ownersShare }
      if one.share != other.share { return one.share < other.share }
      return one.arrival < other.arrival
    }
  }

  private func rank(_ member: Member, _ place: Place, _ now: Double) -> Rank {
    let urgent = place.need.isUrgent(at: now)
    return Rank(
      isLater: debt >= Self.debtToPay ? urgent : !urgent,
      overdueSince: isOverdue(place, now) ? place.since : .infinity,
      ownersShare: owners[place.owner] ?? 0, share: place.share, arrival: place.arrival,
      member: member)
  }
}
