/** Values that an account's container names where its settings do not. */

const tyre = (name: string) => [`${name}.pressure`, `${name}.pressureTarget`];

export const DEFAULT_DESCRIPTORS: readonly string[] = [
  'vehicle.vehicle.travelledDistance',
  'vehicle.isMoving',
  'vehicle.cabin.infotainment.navigation.currentLocation.latitude',
  'vehicle.cabin.infotainment.navigation.currentLocation.longitude',
  'vehicle.cabin.infotainment.navigation.currentLocation.heading',
  'vehicle.cabin.door.status',
  'vehicle.drivetrain.engine.isActive',
  'vehicle.drivetrain.engine.isIgnitionOn',
  'vehicle.drivetrain.fuelSystem.remainingFuel',
  'vehicle.drivetrain.fuelSystem.level',
  'vehicle.drivetrain.totalRemainingRange',
  'vehicle.drivetrain.batteryManagement.header',
  'vehicle.drivetrain.electricEngine.charging.level',
  'vehicle.drivetrain.electricEngine.charging.status',
  'vehicle.drivetrain.electricEngine.charging.timeRemaining',
  'vehicle.drivetrain.electricEngine.kombiRemainingElectricRange',
  'vehicle.drivetrain.electricEngine.remainingElectricRange',
  'vehicle.powertrain.electric.battery.stateOfCharge.target',
  'vehicle.body.chargingPort.status',
  'vehicle.electricalSystem.battery.voltage',
  'vehicle.electricalSystem.battery.stateOfCharge',
  'vehicle.status.serviceDistance.next',
  'vehicle.status.conditionBasedServices',
  'vehicle.status.conditionBasedServicesCount',
  'vehicle.status.checkControlMessages',
  ...['row1.wheel.left', 'row1.wheel.right', 'row2.wheel.left', 'row2.wheel.right'].flatMap((wheel) =>
    tyre(`vehicle.chassis.axle.${wheel}.tire`),
  ),
];

/** Names as the vendor's catalogue has them. */
export const DESCRIPTOR_PATTERN = /^vehicle(?:\.[A-Za-z0-9_]+)+$/;
