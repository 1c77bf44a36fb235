import sys,time,os,signal
def nap(s): time.sleep(s); return os.getpid()
if __name__=="__main__":
    kind=sys.argv[1]
    if kind=="loky":
        from joblib.externals.loky import ProcessPoolExecutor as P; e=P(2)
    elif kind=="reusable":
        from joblib import Parallel,delayed
        print(*set(Parallel(2)(delayed(nap)(.1) for _ in range(8))),flush=True); time.sleep(60); sys.exit()
    else:
        import multiprocessing as mp
        from concurrent.futures import ProcessPoolExecutor as P; e=P(2,mp_context=mp.get_context(kind))
    print(*set(e.map(nap,[.1]*8)),flush=True)
    time.sleep(60)
