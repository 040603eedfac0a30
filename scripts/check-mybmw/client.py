"""Logs in, lists, reads, locks and sets charging with the package bimmer_connected, unchanged but for the host that it calls.

Usage: client.py URL, where a MyBMW simulator listens that nobody else uses. Prints a line for each step; exits with 1
at the first that is not as it should be.
"""

import asyncio
import json
import logging
import sys
import urllib.request

import bimmer_connected.api.authentication
import bimmer_connected.api.client
from bimmer_connected.account import MyBMWAccount
from bimmer_connected.api.regions import Regions
from bimmer_connected.models import GPSPosition, MyBMWAuthError, MyBMWQuotaError
from bimmer_connected.vehicle.charging_profile import ChargingMode
from bimmer_connected.vehicle.doors_windows import LockState
from bimmer_connected.vehicle.remote_services import ExecutionState

URL = sys.argv[1].rstrip("/")
# The only change: the host, and with it the scheme, since a simulator on this machine has no certificate.
for module in (bimmer_connected.api.authentication, bimmer_connected.api.client):
    module.get_server_url = lambda region: URL
logging.getLogger("bimmer_connected").setLevel(logging.CRITICAL)


def simulator(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{URL}/_sim/{path}", data=data, timeout=30) as response:
        return json.load(response)


def step(text, ok=True):
    print(f"{'ok  ' if ok else 'FAIL'} {text}", flush=True)
    if not ok:
        sys.exit(1)


def account(password="demo", captcha="any"):
    position = GPSPosition.init_nonempty(latitude=48.1, longitude=11.5)
    return MyBMWAccount(
        "demo@example.com", password, Regions.REST_OF_WORLD, hcaptcha_token=captcha, observer_position=position
    )


def check_state(vehicle, known):
    """The package's own fields of a vehicle against what the simulator knows of it."""
    if not vehicle.is_lsc_enabled:
        step(f"{vehicle.brand.value} {vehicle.name}: has no state of its own")
        return
    mileage = vehicle.mileage.value
    battery = vehicle.fuel_and_battery.remaining_battery_percent
    fuel = vehicle.fuel_and_battery.remaining_fuel.value
    same = (
        mileage == known["odometerKm"]
        and battery == (None if known["soc"] is None else round(known["soc"]))
        and fuel == known["fuel"]
        and vehicle.vehicle_location.location.latitude == round(known["latitude"], 6)
    )
    step(
        f"{vehicle.brand.value} {vehicle.name} ({vehicle.drive_train.value}): {mileage} km, battery {battery} %, "
        f"fuel {fuel} l, {vehicle.doors_and_windows.door_lock_state.value}",
        same,
    )


async def run():
    try:
        await account(password="wrong").get_vehicles()
        step("a wrong password is refused", False)
    except MyBMWAuthError:
        step("a wrong password is refused")

    demo = account()
    await demo.get_vehicles()
    cars = {car["vin"]: car for car in simulator("cars")}
    step(f"logged in as {demo.gcid}, {len(demo.vehicles)} vehicles", {v.vin for v in demo.vehicles} == set(cars))
    states = simulator("states")
    for vehicle in demo.vehicles:
        check_state(vehicle, states[vehicle.vin])

    vehicle = next(v for v in demo.vehicles if v.drive_train.value == "COMBUSTION" and v.is_lsc_enabled)
    services = vehicle.remote_services
    for name, send, after in (
        ("unlock", services.trigger_remote_door_unlock, LockState.UNLOCKED),
        ("lock", services.trigger_remote_door_lock, LockState.LOCKED),
    ):
        status = await send()
        locked = vehicle.doors_and_windows.door_lock_state
        step(
            f"{name}: {status.state.value}, then {locked.value}",
            status.state == ExecutionState.EXECUTED and locked == after,
        )
    status = await services.trigger_remote_air_conditioning()
    step(
        f"climate: {status.state.value}, then {vehicle.climate.activity.value}",
        status.state == ExecutionState.EXECUTED and vehicle.climate.is_climate_on,
    )
    for name, send in (
        ("flash", services.trigger_remote_light_flash),
        ("horn", services.trigger_remote_horn),
        ("finder", services.trigger_remote_vehicle_finder),
    ):
        status = await send()
        step(f"{name}: {status.state.value}", status.state == ExecutionState.EXECUTED)

    electric = next(v for v in demo.vehicles if v.drive_train.value == "ELECTRIC" and v.is_lsc_enabled)
    status = await electric.remote_services.trigger_charging_settings_update(target_soc=65, ac_limit=10)
    target, limit = electric.fuel_and_battery.charging_target, electric.charging_profile.ac_current_limit
    step(
        f"charging settings: {status.state.value}, then {target} % and {limit} A",
        status.state == ExecutionState.EXECUTED and (target, limit) == (65, 10),
    )
    status = await electric.remote_services.trigger_charging_profile_update(
        charging_mode=ChargingMode.DELAYED_CHARGING, precondition_climate=True
    )
    profile = electric.charging_profile
    step(
        f"charging profile: {status.state.value}, then {profile.charging_mode.value}",
        status.state == ExecutionState.EXECUTED
        and profile.charging_mode == ChargingMode.DELAYED_CHARGING
        and profile.is_pre_entry_climatization_enabled,
    )

    refresh_token = demo.refresh_token
    simulator("control", {"expireTokens": True})
    await demo.get_vehicles()
    step("an expired access token is renewed, and the refresh token rotates", demo.refresh_token != refresh_token)

    simulator("control", {"quota": {"waitMs": 798000, "forMs": 60000}})
    try:
        await demo.get_vehicles()
        step("a used-up quota is reported as such", False)
    except MyBMWQuotaError as error:
        step(f"a used-up quota is reported as such: {error}", "00:13:18" in str(error))


asyncio.run(run())
